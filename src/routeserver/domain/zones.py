"""Availability zones: names and ids in Amazon's form, from a region's name and the letters of its
zones.

``us-east-1`` with letter ``a`` is zone ``us-east-1a``, id ``use1-az1``. Amazon shuffles ids for
each account; here the first letter is always ``az1``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_SHORT: Final = {
    "north": "n",
    "south": "s",
    "east": "e",
    "west": "w",
    "central": "c",
    "northeast": "ne",
    "northwest": "nw",
    "southeast": "se",
    "southwest": "sw",
    "gov": "g",
    "iso": "i",
}


@dataclass(frozen=True, slots=True)
class Zone:
    name: str
    id: str


def zones_of(region: str, letters: Sequence[str]) -> tuple[Zone, ...]:
    area, *rest = region.split("-")
    short = area + "".join(_SHORT.get(part, part) for part in rest)
    return tuple(
        Zone(f"{region}{letter}", f"{short}-az{number}")
        for number, letter in enumerate(letters, start=1)
    )


def zone_id_of(region: str, letters: Sequence[str], name: str) -> str | None:
    """The id of the zone of this name; None when the zone is no longer one of the region's."""
    return next((zone.id for zone in zones_of(region, letters) if zone.name == name), None)
