"""Ids: their form, and that no random byte is used twice."""

from __future__ import annotations

import os
import uuid
from itertools import count

from routeserver.net.ids import Draws, is_well_formed, new_id, new_uuid


def test_draws_hand_out_what_was_drawn_in_order_and_once() -> None:
    asked: list[int] = []
    numbers = count()

    def source(size: int) -> bytes:
        asked.append(size)
        return b"".join(next(numbers).to_bytes(4) for _ in range(size // 4))

    draws = Draws(source)
    given = [draws(16) for _ in range(3 * Draws.SIZE // 16)]
    assert b"".join(given) == b"".join(number.to_bytes(4) for number in range(3 * Draws.SIZE // 4))
    assert asked == [Draws.SIZE] * 3


def test_what_is_left_is_not_mixed_with_the_next_draw() -> None:
    sizes = iter((b"a", b"b"))
    draws = Draws(lambda size: next(sizes) * size)
    assert draws(Draws.SIZE - 1) == b"a" * (Draws.SIZE - 1)
    assert draws(9) == b"b" * 9


def test_more_than_a_draw_is_drawn_at_once() -> None:
    draws = Draws(os.urandom)
    assert len(draws(3 * Draws.SIZE)) == 3 * Draws.SIZE
    assert len(draws(9)) == 9


def test_ids_from_draws_differ() -> None:
    draws = Draws(os.urandom)
    made = {new_id("vpc", draws) for _ in range(1000)}
    assert len(made) == 1000
    assert all(is_well_formed(each, "vpc") for each in made)


def test_a_uuid_is_one_of_version_4() -> None:
    draws = Draws(os.urandom)
    made = [new_uuid(draws) for _ in range(200)]
    assert len(set(made)) == 200
    for text in made:
        read = uuid.UUID(text)
        assert str(read) == text
        assert (read.version, read.variant) == (4, uuid.RFC_4122)
