"""docs/lab.md is what the tables say."""

from __future__ import annotations

from pathlib import Path

from routeserver.lab.reference import markdown

PAGE = Path(__file__).parents[2] / "docs" / "lab.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == markdown(), "routeserver lab examples --markdown > docs/lab.md"
