"""AS_PATH on the wire: segments of two- or four-octet AS numbers, and the merge with AS4_PATH.

RFC 4271 §4.3 and §5.1.2, RFC 6793 §4.2 and §6, RFC 7607 (AS 0 is malformed anywhere).
Confederation segments (RFC 5065) are malformed here: this speaker is no member of one. Errors are
`MalformedAttribute`; the verdict on them stands in the attribute table.
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct
from typing import Final

from routeserver.bgp.errors import UpdateError
from routeserver.bgp.messages import AS_TRANS
from routeserver.bgp.verdicts import Verdict
from routeserver.net.path import AsSegment, SegmentKind, as_path_length

AsPath = tuple[AsSegment, ...]

MAX_SEGMENT_ASNS: Final = 255

_KINDS: Final = {kind.value: kind for kind in SegmentKind}
AS_CONFED_SET: Final = 4
_CONFEDERATION_KINDS: Final = {3: "AS_CONFED_SEQUENCE", AS_CONFED_SET: "AS_CONFED_SET"}
_TWO: Final = tuple(Struct(f">{count}H") for count in range(256))
_FOUR: Final = tuple(Struct(f">{count}I") for count in range(256))


class MalformedAttribute(Exception):  # noqa: N818 - a finding about the peer's bytes
    """The value of an attribute is malformed; the reason completes "attribute X …". A `verdict` of
    its own is at least as strong as the attribute's.
    """

    def __init__(
        self, subcode: UpdateError, reason: str, verdict: Verdict = Verdict.ATTRIBUTE_DISCARD
    ) -> None:
        super().__init__(reason)
        self.subcode = subcode
        self.reason = reason
        self.verdict = verdict


def _malformed(reason: str) -> MalformedAttribute:
    return MalformedAttribute(UpdateError.MALFORMED_AS_PATH, reason)


def decode_as_path(value: bytes, *, four_octet: bool, skip_confederation: bool = False) -> AsPath:
    """The segments. Raises MalformedAttribute.

    `skip_confederation` is for AS4_PATH, from which RFC 6793 §6 has such segments discarded.
    """
    formats, octets = (_FOUR, 4) if four_octet else (_TWO, 2)
    segments: list[AsSegment] = []
    position, end = 0, len(value)
    while position < end:
        if end - position < 2:
            raise _malformed("a segment is cut off in its header")
        kind, count = value[position], value[position + 1]
        if count == 0:
            raise _malformed("a segment is empty")
        stop = position + 2 + count * octets
        if stop > end:
            raise _malformed(f"a segment of {count} AS numbers is cut off")
        if kind in _KINDS:
            asns = formats[count].unpack_from(value, position + 2)
            if 0 in asns:
                raise _malformed("it contains AS 0")
            segments.append(AsSegment(_KINDS[kind], asns))
        elif not (skip_confederation and kind in _CONFEDERATION_KINDS):
            name = _CONFEDERATION_KINDS.get(kind, "unknown")
            raise _malformed(f"a segment has type {kind} ({name})")
        position = stop
    return tuple(segments)


def segment_kinds(value: bytes) -> set[int]:
    """Those in a four-octet path that `decode_as_path` has taken."""
    kinds: set[int] = set()
    position = 0
    while position < len(value):
        kinds.add(value[position])
        position += 2 + 4 * value[position + 1]
    return kinds


def encode_as_path(path: AsPath, *, four_octet: bool) -> bytes:
    """The value of AS_PATH; in two octets, AS numbers that do not fit become AS_TRANS.

    A sequence longer than 255 is written as several. Raises ValueError for a set that long.
    """
    formats = _FOUR if four_octet else _TWO
    out = bytearray()
    for segment in path:
        if segment.kind is SegmentKind.AS_SET and len(segment.asns) > MAX_SEGMENT_ASNS:
            raise ValueError("an AS_SET of more than 255 AS numbers has no encoding")
        for start in range(0, len(segment.asns), MAX_SEGMENT_ASNS):
            asns = segment.asns[start : start + MAX_SEGMENT_ASNS]
            if not four_octet:
                asns = tuple(asn if asn <= 0xFFFF else AS_TRANS for asn in asns)
            out += bytes([segment.kind, len(asns)]) + formats[len(asns)].pack(*asns)
    return bytes(out)


def needs_as4_path(path: AsPath) -> bool:
    return any(asn > 0xFFFF for segment in path for asn in segment.asns)


def merge_as4_path(path: AsPath, as4_path: AsPath) -> AsPath:
    """RFC 6793 §4.2.3: the head of AS_PATH that AS4_PATH does not know, then AS4_PATH."""
    surplus = as_path_length(path) - as_path_length(as4_path)
    if surplus < 0:
        return path
    head: list[AsSegment] = []
    for segment in path:
        if surplus == 0:
            break
        if segment.kind is SegmentKind.AS_SET:
            head.append(segment)
            surplus -= 1
        else:
            taken = segment.asns[:surplus]
            head.append(AsSegment(SegmentKind.AS_SEQUENCE, taken))
            surplus -= len(taken)
    return _joined([*head, *as4_path])


def contains_asn(path: AsPath, asn: int) -> bool:
    for segment in path:  # noqa: SIM110 - a plain loop is twice as fast as a generator here
        if asn in segment.asns:
            return True
    return False


def first_asn(path: AsPath) -> int | None:
    """The leftmost AS number of a path that starts with a sequence, as every eBGP path must."""
    if not path or path[0].kind is not SegmentKind.AS_SEQUENCE:
        return None
    return path[0].asns[0]


def _joined(segments: Iterable[AsSegment]) -> AsPath:
    """Neighbouring sequences as one where one can hold them."""
    out: list[AsSegment] = []
    for segment in segments:
        last = out[-1] if out else None
        if (
            last is not None
            and last.kind is segment.kind is SegmentKind.AS_SEQUENCE
            and len(last.asns) + len(segment.asns) <= MAX_SEGMENT_ASNS
        ):
            out[-1] = AsSegment(SegmentKind.AS_SEQUENCE, last.asns + segment.asns)
        else:
            out.append(segment)
    return tuple(out)
