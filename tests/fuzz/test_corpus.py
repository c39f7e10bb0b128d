"""Every input that ever reached something new is tried again, and so are some that nobody chose."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.growing import CORPUS, Coverage, corpus, mutate
from tests.fuzz.targets import TARGETS

FILES = sorted(CORPUS.glob("*.hex"))


def test_the_corpus_is_there_and_small() -> None:
    assert {path.name.partition("-")[0] for path in FILES} == set(TARGETS)
    assert len(FILES) < 300
    assert sum(path.stat().st_size for path in FILES) < 200_000


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus_gives_documented_outcomes(name: str) -> None:
    for data in corpus(name):
        TARGETS[name](data)


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_near_the_corpus_gives_documented_outcomes(name: str) -> None:
    random = Random(1)
    known = corpus(name)
    for data in known:
        for _ in range(12):
            TARGETS[name](mutate(data, known, random))


@pytest.mark.parametrize("name", TARGETS)
@settings(database=None, max_examples=60)
@given(data=st.binary(max_size=120))
def test_any_octets_give_documented_outcomes(name: str, data: bytes) -> None:
    TARGETS[name](data)


def test_the_mutator_sees_when_a_line_is_new() -> None:
    coverage = Coverage()
    target = TARGETS["notification"]
    assert coverage.run(target, b"\x06\x02\x05hello")
    assert not coverage.run(target, b"\x06\x02\x05hello")
    assert coverage.run(target, b"\x06\x09\x06\x02")
