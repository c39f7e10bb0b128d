"""A helper that is killed at any moment leaves nothing that cannot be completed or removed."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.namespaces import need_root


def test_killed_before_each_change_it_is_completed_by_the_same_orders_or_removed() -> None:
    need_root()
    found = subprocess.run(
        [sys.executable, "-m", "tests.netd.killed", f"rstest-{os.getpid()}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    killed = json.loads(found.stdout)
    assert killed["built"] > 50
    assert killed["removed"] > 10
