"""Compiled kernels do exactly what their source says, and the source keeps its tables in order."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from routeserver.rib import prefix_table
from tests.kernels import operations

ROOT = Path(__file__).parents[2]
SEEDS = (1, 2, 3)


def _interpreted(seed: int, *flags: str) -> list[str]:
    """The transcript of interpreted kernels."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.kernels.operations", str(seed), *flags],
        env={**os.environ, "ROUTESERVER_INTERPRETED": "1", "PYTHONPATH": str(ROOT / "src")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


@pytest.mark.parametrize("seed", SEEDS)
def test_compiled_and_interpreted_kernels_tell_the_same(seed: int) -> None:
    source = _interpreted(seed, "--check")
    assert len(source) > 4000
    if prefix_table.__file__.endswith(".py"):
        pytest.skip("no compiled kernels: python setup.py build_ext --inplace makes them")
    for number, told in enumerate(operations.transcript(seed)):
        assert told == source[number], f"line {number}, after {source[max(0, number - 5) : number]}"


def test_records_are_found_alike_by_hash_table_and_by_dict() -> None:
    assert _interpreted(4, "--index") == _interpreted(4)
