"""Tables as files of bytes, made once, so that no clock runs while they are built."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Final

from benchmarks.routing.attributes import Speaker
from benchmarks.routing.tables import Kind, Table, build

FIRST_ASN: Final = 4_200_000_001
SECOND_ASN: Final = 4_200_000_002
"""Its paths are a hop longer, so that the first one's win."""

SECOND_THROUGH: Final = (3320,)
NEXT_HOPS4: Final = IPv4Address("10.71.0.0")
NEXT_HOPS6: Final = IPv6Address("2001:db8:ffff::")
"""Next hops are no addresses of the peers: most daemons refuse one in 127.0.0.0/8."""


@dataclass(slots=True)
class TableFiles:
    folder: Path
    seed: int = 1
    _built: dict[tuple[Kind, int], Table] = field(default_factory=dict)

    def whole(self, kind: Kind, count: int, address: str, asn: int) -> Path:
        """The table as the peer at this address announces it."""
        path = self.folder / f"{kind}-{count}-{asn}"
        if not path.exists():
            through = SECOND_THROUGH if asn == SECOND_ASN else ()
            path.write_bytes(self._table(kind, count).encode(speaker(kind, address, asn, through)))
        return path

    def parts(self, kind: Kind, number: int, each: int, addresses: list[str]) -> list[Path]:
        """A table of `number` times `each` prefixes, one part for each address."""
        paths = [self.folder / f"{kind}-{number}x{each}-{index}" for index in range(number)]
        if all(path.exists() for path in paths):
            return paths
        tables = self._table(kind, number * each).parts(number, each)
        for index, (path, table) in enumerate(zip(paths, tables, strict=True)):
            path.write_bytes(table.encode(speaker(kind, addresses[index], FIRST_ASN + index)))
        return paths

    def forget(self) -> None:
        """Give the memory back; the files stay."""
        self._built.clear()

    def _table(self, kind: Kind, count: int) -> Table:
        key = (kind, count)
        if key not in self._built:
            self.forget()
            self._built[key] = build(kind, count, self.seed)
        return self._built[key]


def speaker(kind: Kind, address: str, asn: int, through: tuple[int, ...] = ()) -> Speaker:
    host = int(IPv4Address(address)) & 0xFFFF
    base: IPv4Address | IPv6Address = NEXT_HOPS6 if kind is Kind.IPV6 else NEXT_HOPS4
    return Speaker(asn, (base + host).packed, through)
