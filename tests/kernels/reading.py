"""Random UPDATEs through `plain.RouteReader`, told as lines of text."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from routeserver.bgp.attributes import AttributeTable, DecodeContext
from routeserver.bgp.plain import RouteReader
from routeserver.net.prefix import Family
from tests.bgp.support import LOCAL_ASN, MANDATORY, PEER_ASN, mp_reach, mp_unreach, nlri, update

_HEX = (
    "80040400000064",  # MED
    "c00804fde90064",  # communities
    "c02004fde90064",  # large ones that are too short
    "c0200c000000000000000000000000",
    "c010080000000000000000",
    "400600",
    "c007080000fde90a000002",
    "d00800040000ffff",
    "c06300",
)
_PARTS = [MANDATORY[:4], MANDATORY[4:13], MANDATORY[13:], *map(bytes.fromhex, _HEX)]
_PARTS += [mp_reach("2001:db8::/32", "2001:db8:1::/48"), mp_reach(), mp_unreach("2001:db8::/32")]
_PARTS += [
    mp_reach(
        *(f"2001:db8:{16 * n:x}::/{44 + n % 5}" for n in range(20)), "2001:db8::1/128", "::/0"
    ),
    mp_reach("2001:db8::/32", "2001:db8:0:0:8000::/65", "ff02::/16"),
]
_ROUTES = [
    nlri("192.0.2.0/24"),
    nlri("0.0.0.0/0", "10.1.2.3/32"),
    nlri("224.0.0.0/4"),
    nlri(*(f"10.{n}.{8 * n}.0/{21 + n % 4}" for n in range(30)), "10.0.0.0/8", "192.0.2.1/32"),
    nlri("10.0.0.0/8", "192.0.0.0/10") + bytes.fromhex("140a011f18c00002"),  # host bits
    nlri("10.0.0.0/8") + b"\x18\xc0\x00",
    b"\x21",
    b"",
]


def _message(random: Random) -> bytes:
    parts = [part for part in _PARTS[:3] if random.randrange(12)]
    parts += random.choices(_PARTS, k=random.choice([0, 0, 1, 2]))
    if random.randrange(2):
        random.shuffle(parts)
    if random.randrange(3) == 0:
        parts = [part for part in parts if part is not _PARTS[2]]
    withdrawn = random.choice([b"", b"", random.choice(_ROUTES)])
    message = bytearray(update(b"".join(parts), random.choice(_ROUTES), withdrawn))
    if random.randrange(6) == 0:
        message[random.randrange(16, len(message))] = random.randrange(256)
    return bytes(message)


def transcript(seed: int, count: int = 3000) -> Iterator[str]:
    random = Random(seed)
    families = (Family.IPV4, Family.IPV6)
    table = AttributeTable(DecodeContext(LOCAL_ASN, PEER_ASN, families=families))
    reader = RouteReader(table, LOCAL_ASN, PEER_ASN, families)
    for _ in range(count):
        messages = [_message(random) for _ in range(random.randrange(1, 5))]
        position = reader.read(b"".join(messages), 0)
        yield f"read {position} of {sum(map(len, messages))}"
        if random.randrange(2):
            for batch in reader.take():
                sets = [s and (s.raw.hex(), s.rank_high, s.rank_low) for s in batch.sets]
                yield f"batch {batch.family} {list(batch.words)} {batch.ends} {sets}"
