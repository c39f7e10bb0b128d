"""Places, and engines that are closed at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack

import pytest

from routeserver.bfdd.engine import BfdEngine
from routeserver.bfdd.spec import BfdChange
from tests.bfdd.support import Place, new_place

EngineMaker = Callable[[Callable[[BfdChange], None]], BfdEngine]


@pytest.fixture
def place() -> Place:
    return new_place()


@pytest.fixture
async def engine(place: Place) -> AsyncIterator[EngineMaker]:
    with ExitStack() as engines:

        def make(on_change: Callable[[BfdChange], None]) -> BfdEngine:
            made = BfdEngine(on_change, port=place.port)
            engines.callback(made.close)
            return made

        yield make
