"""Attribute lists: cut into attributes, read, and everything wrong with them found in one pass.

RFC 4271 §4.3 and §6.3 as revised by RFC 7606. The strongest verdict decides what becomes of the
UPDATE (§3 h), but every fault is kept so that it can be shown to a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from routeserver.bgp.as_path import MalformedAttribute
from routeserver.bgp.attribute_values import (
    EXTENDED_LENGTH,
    KIND_BITS,
    OPTIONAL,
    READERS,
    TRANSITIVE,
    AttributeCode,
    Fields,
    Verdict,
    keep,
)
from routeserver.bgp.errors import ErrorCode, Notification, UpdateError
from routeserver.bgp.verdicts import VERDICTS, Accepted, Rule, attribute_name

VERDICT_WORDS: Final[Mapping[Verdict, str]] = {
    Verdict.ATTRIBUTE_DISCARD: "attribute discard",
    Verdict.REFUSE: "routes not accepted",
    Verdict.TREAT_AS_WITHDRAW: "treat-as-withdraw",
    Verdict.SESSION_RESET: "session reset",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with an UPDATE; `notification` is sent only on a session reset."""

    verdict: Verdict
    notification: Notification
    reason: str
    attribute: bytes = b""

    def __str__(self) -> str:
        return f"{VERDICT_WORDS[self.verdict]}: {self.reason}"


class Item(NamedTuple):
    """Where one attribute stands in its list: ``[start:end]`` is all of it, ``[value:end]`` its
    value.
    """

    flags: int
    code: int
    start: int
    value: int
    end: int


def walk(data: bytes) -> tuple[list[Item], str | None]:
    """The attributes of a list, and what is wrong behind the last whole one (RFC 7606 §4), if
    anything.
    """
    items: list[Item] = []
    position, size = 0, len(data)
    while position < size:
        flags = data[position]
        value = position + (4 if flags & EXTENDED_LENGTH else 3)
        if value > size:
            return items, "the attribute list is cut off in an attribute header"
        length = data[value - 1]
        if flags & EXTENDED_LENGTH:
            length |= data[value - 2] << 8
        end = value + length
        if end > size:
            return items, (
                f"{attribute_name(data[position + 1])} has length {length} where "
                f"{size - value} octets are left in the attribute list"
            )
        items.append(Item(flags, data[position + 1], position, value, end))
        position = end
    return items, None


def read_attributes(
    data: bytes,
    *,
    four_octet: bool,
    internal: bool,
    next_hop_matters: bool = True,
    accept_as_sets: bool = False,
) -> tuple[Fields, list[Fault]]:
    """Everything an attribute list says and everything wrong with it; never raises.

    `data` holds neither MP_REACH_NLRI nor MP_UNREACH_NLRI. RFC 4760 §3 has NEXT_HOP ignored
    in an UPDATE whose routes are all in MP_REACH_NLRI: `next_hop_matters` is False there.
    """
    fields = Fields(four_octet, accept_as_sets)
    faults: list[Fault] = []
    seen: set[int] = set()
    repeated: set[int] = set()
    items, broken = walk(data)
    for item in items:
        code = item.code
        if code in seen:
            # RFC 7606 §3 g: all but the first are discarded. One report per attribute is enough:
            # a message has room for more than a thousand of them.
            if code not in repeated:
                repeated.add(code)
                reason = "appears more than once"
                faults.append(_fault(Verdict.ATTRIBUTE_DISCARD, data, item, reason))
            continue
        seen.add(code)
        if code == AttributeCode.NEXT_HOP and not next_hop_matters:
            continue
        rule = VERDICTS.get(code)
        needless = (
            None if rule is None else _needless(rule, four_octet=four_octet, internal=internal)
        )
        if needless is not None:
            faults.append(_fault(Verdict.ATTRIBUTE_DISCARD, data, item, needless))
        elif rule is None or rule.malformed is None:
            _read_unknown(fields, faults, data, item)
        elif (item.flags ^ rule.kind) & KIND_BITS:
            reason = f"has flags 0x{item.flags:02x}"
            subcode = UpdateError.ATTRIBUTE_FLAGS_ERROR
            faults.append(_fault(rule.wrong_flags, data, item, reason, subcode))
        else:
            try:
                READERS[code](fields, item.flags, data[item.value : item.end])
            except MalformedAttribute as error:
                verdict = max(rule.malformed, error.verdict)
                faults.append(_fault(verdict, data, item, error.reason, error.subcode))
    if broken is not None:
        faults.append(
            Fault(
                Verdict.TREAT_AS_WITHDRAW,
                Notification(ErrorCode.UPDATE_MESSAGE_ERROR, UpdateError.MALFORMED_ATTRIBUTE_LIST),
                broken,
                data[items[-1].end if items else 0 :],
            )
        )
    return fields, faults


def _fault(
    verdict: Verdict,
    data: bytes,
    item: Item,
    reason: str,
    subcode: UpdateError = UpdateError.MALFORMED_ATTRIBUTE_LIST,
) -> Fault:
    attribute = data[item.start : item.end]
    return Fault(
        verdict,
        Notification(ErrorCode.UPDATE_MESSAGE_ERROR, subcode, attribute),
        f"{attribute_name(item.code)} {reason}",
        attribute,
    )


def _needless(rule: Rule, *, four_octet: bool, internal: bool) -> str | None:
    """Why an attribute, however well formed, has no place in an UPDATE of this session."""
    if rule.accepted is Accepted.INTERNAL and not internal:
        return "came from an external peer"
    if rule.accepted is Accepted.TWO_OCTET and four_octet:
        return "came from a four-octet AS peer"
    return None


def _read_unknown(fields: Fields, faults: list[Fault], data: bytes, item: Item) -> None:
    """RFC 4271 §5 and §6.3: unknown and optional is no fault; kept when transitive."""
    if not item.flags & OPTIONAL:
        subcode = UpdateError.UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE
        reason = "claims to be well-known and is not"
        faults.append(_fault(Verdict.SESSION_RESET, data, item, reason, subcode))
    elif item.flags & TRANSITIVE:
        keep(fields, item.flags, item.code, data[item.value : item.end])
