"""Every path attribute that is known by name, and what becomes of an UPDATE in which it is wrong.

`VERDICTS` is RFC 7606 §7 and its successors as one table. A rule without a `malformed` verdict is
of an attribute that nothing here reads: it is carried as it came when it is optional transitive,
and dropped otherwise, as RFC 4271 §5 has it for any that is unknown.

Whatever the table says of its value, an attribute whose flags are wrong withdraws the routes (RFC
7606 §3 c), unless its own RFC says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final, NamedTuple

OPTIONAL: Final = 0x80
TRANSITIVE: Final = 0x40
PARTIAL: Final = 0x20
EXTENDED_LENGTH: Final = 0x10
KIND_BITS: Final = OPTIONAL | TRANSITIVE


class AttributeCode(IntEnum):
    ORIGIN = 1
    AS_PATH = 2
    NEXT_HOP = 3
    MULTI_EXIT_DISC = 4
    LOCAL_PREF = 5
    ATOMIC_AGGREGATE = 6
    AGGREGATOR = 7
    COMMUNITIES = 8
    ORIGINATOR_ID = 9
    CLUSTER_LIST = 10
    MP_REACH_NLRI = 14
    MP_UNREACH_NLRI = 15
    EXTENDED_COMMUNITIES = 16
    AS4_PATH = 17
    AS4_AGGREGATOR = 18
    PMSI_TUNNEL = 22
    TUNNEL_ENCAPSULATION = 23
    TRAFFIC_ENGINEERING = 24
    IPV6_EXTENDED_COMMUNITIES = 25
    AIGP = 26
    BGP_LS = 29
    LARGE_COMMUNITIES = 32
    BGPSEC_PATH = 33
    ONLY_TO_CUSTOMER = 35
    SFP_ATTRIBUTE = 37
    BFD_DISCRIMINATOR = 38
    PREFIX_SID = 40
    ATTR_SET = 128


class Verdict(IntEnum):
    """What becomes of an UPDATE with a fault, weakest first. RFC 7606 §2; `REFUSE` is for
    well-formed routes that are not acceptable (RFC 4271 §6.3, §9.1.2): they count as withdrawn,
    but nothing was malformed.
    """

    ATTRIBUTE_DISCARD = 1
    REFUSE = 2
    TREAT_AS_WITHDRAW = 3
    SESSION_RESET = 4

    @property
    def words(self) -> str:
        return self.name.replace("_", " ").lower()


class Accepted(IntEnum):
    """From which peers an attribute is taken; from the others it is discarded, however well
    formed.
    """

    EVERYBODY = 0
    INTERNAL = 1  # peers of our own AS
    TWO_OCTET = 2  # peers that do not speak four-octet AS numbers


class Rule(NamedTuple):
    """`kind` is the Optional and the Transitive bit as they have to be; `source` is where the
    verdicts stand.
    """

    kind: int
    malformed: Verdict | None
    source: str
    accepted: Accepted = Accepted.EVERYBODY
    wrong_flags: Verdict = Verdict.TREAT_AS_WITHDRAW


_WELL_KNOWN: Final = TRANSITIVE
_CARRIED: Final = OPTIONAL | TRANSITIVE
_LOCAL: Final = OPTIONAL  # optional non-transitive

_DISCARD: Final = Verdict.ATTRIBUTE_DISCARD
_WITHDRAW: Final = Verdict.TREAT_AS_WITHDRAW
_RESET: Final = Verdict.SESSION_RESET

VERDICTS: Final[Mapping[int, Rule]] = {
    AttributeCode.ORIGIN: Rule(_WELL_KNOWN, _WITHDRAW, "RFC 7606 §7.1"),
    AttributeCode.AS_PATH: Rule(_WELL_KNOWN, _WITHDRAW, "RFC 7606 §7.2"),
    AttributeCode.NEXT_HOP: Rule(_WELL_KNOWN, _WITHDRAW, "RFC 7606 §7.3"),
    AttributeCode.MULTI_EXIT_DISC: Rule(_LOCAL, _WITHDRAW, "RFC 7606 §7.4"),
    AttributeCode.LOCAL_PREF: Rule(_WELL_KNOWN, _WITHDRAW, "RFC 7606 §7.5", Accepted.INTERNAL),
    AttributeCode.ATOMIC_AGGREGATE: Rule(_WELL_KNOWN, _DISCARD, "RFC 7606 §7.6"),
    AttributeCode.AGGREGATOR: Rule(_CARRIED, _DISCARD, "RFC 7606 §7.7"),
    AttributeCode.COMMUNITIES: Rule(_CARRIED, _WITHDRAW, "RFC 7606 §7.8"),
    AttributeCode.ORIGINATOR_ID: Rule(_LOCAL, _WITHDRAW, "RFC 7606 §7.9", Accepted.INTERNAL),
    AttributeCode.CLUSTER_LIST: Rule(_LOCAL, _WITHDRAW, "RFC 7606 §7.10", Accepted.INTERNAL),
    AttributeCode.MP_REACH_NLRI: Rule(_LOCAL, _RESET, "RFC 7606 §7.11"),
    AttributeCode.MP_UNREACH_NLRI: Rule(_LOCAL, _RESET, "RFC 7606 §7.12"),
    AttributeCode.EXTENDED_COMMUNITIES: Rule(_CARRIED, _WITHDRAW, "RFC 7606 §7.14"),
    AttributeCode.AS4_PATH: Rule(_CARRIED, _DISCARD, "RFC 6793 §6", Accepted.TWO_OCTET),
    AttributeCode.AS4_AGGREGATOR: Rule(_CARRIED, _DISCARD, "RFC 6793 §6", Accepted.TWO_OCTET),
    AttributeCode.PMSI_TUNNEL: Rule(_CARRIED, None, "RFC 6514 §5"),
    AttributeCode.TUNNEL_ENCAPSULATION: Rule(_CARRIED, None, "RFC 9012 §2"),
    AttributeCode.TRAFFIC_ENGINEERING: Rule(_LOCAL, None, "RFC 7606 §7.13"),
    AttributeCode.IPV6_EXTENDED_COMMUNITIES: Rule(_CARRIED, _WITHDRAW, "RFC 7606 §7.15"),
    AttributeCode.AIGP: Rule(
        _LOCAL, _DISCARD, "RFC 7311 §3", Accepted.INTERNAL, wrong_flags=_DISCARD
    ),
    AttributeCode.BGP_LS: Rule(_LOCAL, None, "RFC 9552 §5.3"),
    AttributeCode.LARGE_COMMUNITIES: Rule(_CARRIED, _WITHDRAW, "RFC 8092 §6"),
    AttributeCode.BGPSEC_PATH: Rule(_LOCAL, None, "RFC 8205 §3"),
    AttributeCode.ONLY_TO_CUSTOMER: Rule(_CARRIED, _WITHDRAW, "RFC 9234 §5"),
    AttributeCode.SFP_ATTRIBUTE: Rule(_CARRIED, None, "RFC 9015 §3.2"),
    AttributeCode.BFD_DISCRIMINATOR: Rule(_CARRIED, None, "RFC 9026 §3.1.6"),
    AttributeCode.PREFIX_SID: Rule(_CARRIED, None, "RFC 8669 §4", Accepted.INTERNAL),
    AttributeCode.ATTR_SET: Rule(_CARRIED, None, "RFC 7606 §7.16"),
}


def attribute_name(code: int) -> str:
    try:
        return AttributeCode(code).name
    except ValueError:
        return f"attribute {code}"
