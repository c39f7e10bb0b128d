"""Without being root of the machine: a whole server with packets in a user namespace."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.namespaces import need_root

HERE = Path(__file__).parents[2]


def test_packets_pass_between_processes_of_a_user_namespace() -> None:
    need_root()
    command = ["unshare", "--user", "--net", "--map-root-user", sys.executable]
    found = subprocess.run(
        [*command, "-m", "tests.fabric.userns"],
        cwd=HERE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout) == {"from": "10.0.1.10", "status": 0, "warnings": []}
