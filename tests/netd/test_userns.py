"""Without being root of the machine: whoever may make a user namespace has a whole VPC in it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from routeserver.netd.orders import FEATURES
from tests.namespaces import need_root

HERE = Path(__file__).parents[2]

AS_NOBODY = """
import os, sys
from pathlib import Path
from routeserver.netd.drop import Need, give_up, identity_of
code = {sys.base_prefix, sys.prefix, sys.argv[1]}
give_up(identity_of("nobody"), [Need(Path(path)) for path in code])
os.chdir(sys.argv[1])
os.execv(sys.argv[2], sys.argv[2:])
"""


def within(*before: str, spaces: Sequence[str] = ()) -> Any:
    need_root()
    unshare = shutil.which("unshare")
    assert unshare is not None
    found = subprocess.run(
        [
            *before,
            *(unshare, "--user", "--net", "--map-root-user", *spaces),
            *(sys.executable, "-m", "tests.netd.userns"),
        ],
        cwd=HERE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


WHOLE = {
    "features": list(FEATURES),
    "names": ["vpc-u"],
    "plugged": True,
    "left": [],
    "status": 0,
}


@pytest.mark.parametrize("spaces", [(), ("--mount",)])
def test_a_user_namespace_of_roots_is_enough(spaces: Sequence[str]) -> None:
    assert within(spaces=spaces) == WHOLE


@pytest.mark.parametrize("spaces", [(), ("--mount",)])
def test_a_user_namespace_of_nobodys_is_enough(spaces: Sequence[str]) -> None:
    before = (sys.executable, "-c", AS_NOBODY, str(HERE))
    assert within(*before, spaces=spaces) == WHOLE
