"""Policy rules (linux/fib_rules.h): which table a packet is looked up in."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from routeserver.net.prefix import Prefix, length_of
from routeserver.netlink import framing
from routeserver.netlink.framing import MAKE, Flag, Message, UnknownKindError, request
from routeserver.netlink.values import AF_INET, AF_INET6, prefix_from, prefix_octets

RTM_NEWRULE: Final = 32
RTM_DELRULE: Final = 33
RTM_GETRULE: Final = 34

LAYOUT: Final = struct.Struct("=BBBBBBBBI")
"""fib_rule_hdr: family, lengths of destination and source, type of service, table, two reserved,
action, flags."""

FRA_DST: Final = 1
FRA_SRC: Final = 2
FRA_IIFNAME: Final = 3
FRA_GOTO: Final = 4
FRA_PRIORITY: Final = 6
FRA_FWMARK: Final = 10
FRA_TABLE: Final = 15
FRA_FWMASK: Final = 16
FRA_OIFNAME: Final = 17
FRA_PROTOCOL: Final = 21


class Action(IntEnum):
    LOOK_UP = 1
    GOTO = 2
    NOP = 3
    BLACKHOLE = 6
    UNREACHABLE = 7
    PROHIBIT = 8


@dataclass(frozen=True, slots=True)
class Rule:
    """`family` is AF_INET or AF_INET6; `action` is an Action, or a number that it does not know."""

    family: int
    priority: int
    table: int = 0
    action: int = Action.LOOK_UP
    input: str = ""
    output: str = ""
    source: Prefix | None = None
    destination: Prefix | None = None
    mark: int = 0
    protocol: int = 0
    flags: int = 0


def new_rule(rule: Rule, sequence: int = 0, flags: int = MAKE) -> bytes:
    return request(RTM_NEWRULE, _body(rule), flags, sequence)


def delete_rule(rule: Rule, sequence: int = 0) -> bytes:
    """The first one that is as this one where it says something."""
    return request(RTM_DELRULE, _body(rule), 0, sequence)


def list_rules(family: int, sequence: int = 0) -> bytes:
    body = LAYOUT.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)
    return request(RTM_GETRULE, body, Flag.DUMP, sequence)


def _body(rule: Rule) -> bytes:
    parts = [
        LAYOUT.pack(
            rule.family,
            0 if rule.destination is None else length_of(rule.destination),
            0 if rule.source is None else length_of(rule.source),
            0,
            rule.table if rule.table < 256 else 0,
            0,
            0,
            rule.action,
            rule.flags,
        ),
        framing.u32(FRA_PRIORITY, rule.priority),
        framing.u32(FRA_TABLE, rule.table),
        framing.u8(FRA_PROTOCOL, rule.protocol),
    ]
    if rule.input:
        parts.append(framing.text(FRA_IIFNAME, rule.input))
    if rule.output:
        parts.append(framing.text(FRA_OIFNAME, rule.output))
    for kind, prefix in ((FRA_SRC, rule.source), (FRA_DST, rule.destination)):
        if prefix is not None and length_of(prefix):
            parts.append(framing.attribute(kind, prefix_octets(prefix)))
    if rule.mark:
        parts.append(framing.u32(FRA_FWMARK, rule.mark))
    return b"".join(parts)


def decode_rule(message: Message) -> Rule:
    """Raises NetlinkError."""
    family, to_length, from_length, _, table, _, _, action, flags = framing.fixed(
        LAYOUT, message.body, "a rule"
    )
    if family not in {AF_INET, AF_INET6}:
        raise UnknownKindError(f"a rule of address family {family}")
    found = framing.attributes(message.body, LAYOUT.size)
    return Rule(
        family=family,
        priority=framing.as_u32(found[FRA_PRIORITY]) if FRA_PRIORITY in found else 0,
        table=framing.as_u32(found[FRA_TABLE]) if FRA_TABLE in found else table,
        action=action,
        input=framing.as_text(found.get(FRA_IIFNAME, b"")),
        output=framing.as_text(found.get(FRA_OIFNAME, b"")),
        source=prefix_from(found[FRA_SRC], from_length, family) if FRA_SRC in found else None,
        destination=prefix_from(found[FRA_DST], to_length, family) if FRA_DST in found else None,
        mark=framing.as_u32(found[FRA_FWMARK]) if FRA_FWMARK in found else 0,
        protocol=framing.as_u8(found[FRA_PROTOCOL]) if FRA_PROTOCOL in found else 0,
        flags=flags,
    )
