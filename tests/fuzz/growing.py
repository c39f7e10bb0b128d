"""A small coverage-guided mutator: what reaches a line of the decoders for the first time is kept.

Lines are watched with `sys.settrace`, in `bgp/` and `bfd/` alone. Slow and simple; it needs no
compiler and nothing that is not there.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any, Final

from tests.fuzz.targets import TARGETS, Target

CORPUS: Final = Path(__file__).parent / "corpus"
MAX_OCTETS: Final = 400
MAX_FILES: Final = 34
"""Of one target; eight targets stay below 300."""

_WATCHED: Final = ("/routeserver/bgp/", "/routeserver/bfd/")
_USUAL: Final = (
    b"\xff" * 16, b"\x00\x00", b"\xff", b"\x00\x17\x02\x00\x00\x00\x00", b"\x00\x13\x04",
    bytes.fromhex("40010100"), bytes.fromhex("40020602010000fde9"), bytes.fromhex("4003040a000002"),
    bytes.fromhex("800404"), bytes.fromhex("c00804"), bytes.fromhex("800e"), bytes.fromhex("800f"),
    bytes.fromhex("000201"), bytes.fromhex("000101"), bytes.fromhex("0206"), bytes.fromhex("4104"),
    bytes.fromhex("18c00002"), b"\x21", b"\x81", b"\x10", b"\x90",
)  # fmt: skip

Line = tuple[str, int, int]


@dataclass(slots=True)
class Coverage:
    """Steps from line to line, by code object: a line reached in another way counts as new."""

    seen: set[Line] = field(default_factory=set)
    _last: int = 0

    def run(self, target: Target, data: bytes) -> set[Line]:
        """What this input reached that nothing reached before. Raises what the target raises."""
        new: set[Line] = set()
        seen = self.seen

        def line(frame: FrameType, event: str, _: Any) -> Any:
            step = (frame.f_code.co_name, self._last, frame.f_lineno)
            self._last = frame.f_lineno
            if step not in seen:
                seen.add(step)
                new.add(step)
            return line

        def call(frame: FrameType, event: str, _: Any) -> Any:
            return line if any(part in frame.f_code.co_filename for part in _WATCHED) else None

        self._last = 0
        sys.settrace(call)
        try:
            target(data)
        finally:
            sys.settrace(None)
        return new


def corpus(name: str) -> list[bytes]:
    return [bytes.fromhex(path.read_text()) for path in sorted(CORPUS.glob(f"{name}-*.hex"))]


def keep(name: str, data: bytes) -> Path:
    from hashlib import sha256

    path = CORPUS / f"{name}-{sha256(data).hexdigest()[:12]}.hex"
    path.write_text(data.hex() + "\n")
    return path


def mutate(data: bytes, others: list[bytes], random: Random) -> bytes:
    out = bytearray(data)
    for _ in range(random.choice([1, 1, 2, 4])):
        at = random.randrange(len(out) + 1)
        match random.randrange(8):
            case 0 if out:
                out[at % len(out)] = random.randrange(256)
            case 1 if out:
                out[at % len(out)] ^= 1 << random.randrange(8)
            case 2 if out:
                out[at % len(out)] = (out[at % len(out)] + random.choice([-1, 1, 4, -4])) & 0xFF
            case 3:
                out[at:at] = random.choice(_USUAL)
            case 4:
                del out[at : at + random.choice([1, 1, 2, 4, 16])]
            case 5 if others:
                other = random.choice(others)
                start = random.randrange(len(other) + 1)
                out[at:] = other[start : start + random.randrange(80)]
            case 6:
                size = random.choice([1, 4, 12, 23])
                out[at:at] = out[at : at + size]
            case _:
                out[at : at + 2] = random.randrange(1 << 16).to_bytes(2, "big")
    return bytes(out[:MAX_OCTETS])


class Grower:
    def __init__(self, name: str, seeds: Iterable[bytes], seed: int) -> None:
        self.name = name
        self.target = TARGETS[name]
        self.random = Random(seed)
        self.coverage = Coverage()
        self.pool: list[tuple[int, bytes]] = []
        for data in [*seeds, *corpus(name)]:
            self.offer(data)

    def offer(self, data: bytes) -> bool:
        found = self.coverage.run(self.target, data)
        if found:
            self.pool.append((len(found), data))
        return bool(found)

    def grow(self, seconds: float) -> Iterator[bytes]:
        """New inputs as they are found. One that fails is kept before that is raised."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            others = [data for _, data in self.pool]
            for _ in range(200):
                base = self.random.choice(others) if others else b""
                data = mutate(base, others, self.random)
                try:
                    is_new = self.offer(data)
                except BaseException:
                    sys.stderr.write(f"{keep(self.name, data)} fails\n")
                    raise
                if is_new:
                    yield data

    def save(self) -> int:
        """Those that reached the most, as files; how many."""
        for path in CORPUS.glob(f"{self.name}-*.hex"):
            path.unlink()
        best = sorted(self.pool, key=lambda one: -one[0])[:MAX_FILES]
        for _, data in best:
            keep(self.name, data)
        return len(best)
