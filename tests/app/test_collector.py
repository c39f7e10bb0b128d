"""The collector is told once, at both ends of the start."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from routeserver.app.collector import THRESHOLDS, keep_off_the_heap, use_collector


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def test_it_looks_seldom_and_never_at_what_the_start_has_made() -> None:
    use_collector()
    assert gc.get_threshold() == THRESHOLDS
    assert gc.isenabled()
    keep_off_the_heap()
    assert gc.get_freeze_count() > 1_000
