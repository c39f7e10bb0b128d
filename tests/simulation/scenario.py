"""What can happen to a route server and its appliances, as steps made from a seed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import Final

PEERS: Final = ("rsp-a", "rsp-b", "rsp-c")

KINDS: Final = {
    # How often, and what it is.
    "dial": 12,  # a session, with what its number says of graceful restart
    "announce": 14,
    "withdraw": 5,
    "loop": 1,  # routes that are kept and may not be used
    "malformed": 3,  # treat-as-withdraw (RFC 7606)
    "ignored": 1,  # an attribute that is discarded
    "refresh": 3,  # the whole table again, some of it gone
    "cut": 4,  # the connection breaks
    "break": 3,  # the connection breaks in the middle of a message
    "silent": 2,  # half-open: nothing arrives any more
    "shutdown": 2,
    "reset": 2,
    "garbage": 1,
    "bfd up": 5,
    "bfd down": 2,
    "bfd down, independent": 2,
    "bfd off": 3,  # the appliance's administrator takes it down; nothing has failed
    "bfd on": 2,  # and starts it again
    "wait": 8,
    "flap": 2,  # the connection comes and breaks, again and again
    "jump": 2,  # the machine was asleep
    "persist": 2,
    "reset persisted": 1,
    "policy": 3,
    "patience": 1,  # how flapping is met, and whether BGP waits for BFD
    "limit": 2,
    "graceful restart": 1,
    "our restart": 1,
    "remove": 1,
    "add": 2,
}


@dataclass(frozen=True, slots=True)
class Step:
    """`number` is what the step draws its details from."""

    kind: str
    peer_id: str
    number: int

    def __str__(self) -> str:
        return f"{self.kind} {self.peer_id} {self.number}"


@dataclass(frozen=True, slots=True)
class Scenario:
    seed: int
    steps: tuple[Step, ...]
    slice_size: int
    max_fib: int | None

    def without(self, start: int, end: int) -> Scenario:
        return replace(self, steps=self.steps[:start] + self.steps[end:])

    def __str__(self) -> str:
        lines = [f"seed {self.seed}, slices of {self.slice_size}, FIB of {self.max_fib}"]
        return "\n".join(lines + [f"  {number}: {s}" for number, s in enumerate(self.steps)])


def make(seed: int) -> Scenario:
    random = Random(seed)
    kinds = random.choices(list(KINDS), list(KINDS.values()), k=random.randrange(5, 45))
    opening = [Step("dial", peer_id, random.randrange(1 << 30)) for peer_id in PEERS]
    steps = [Step(kind, random.choice(PEERS), random.randrange(1 << 30)) for kind in kinds]
    return Scenario(
        seed,
        tuple(opening[: random.randrange(4)] + steps),
        slice_size=random.choice([1, 3, 5000]),
        max_fib=random.choice([None, None, None, 4]),
    )
