from __future__ import annotations

from pathlib import Path

from routeserver.observe.metrics_reference import metrics_reference

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


def test_the_page_lists_what_a_scrape_has() -> None:
    assert PAGE.read_text() == metrics_reference(), (
        "run: python -m routeserver.observe.metrics_reference > docs/metrics.md"
    )
