"""The registry, the service model and the documentation name the same operations."""

from __future__ import annotations

import re
from pathlib import Path

from routeserver.control.registry import EC2
from routeserver.ec2.model import operation

PAGE = Path(__file__).parents[2] / "docs" / "ec2-api.md"


def test_every_operation_is_one_of_the_model() -> None:
    assert [name for name in EC2 if operation("ec2", name) is None] == []


def test_the_documentation_lists_them_all() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    assert set(re.findall(r"`([A-Z]\w+)`", "\n".join(rows))) == set(EC2)
