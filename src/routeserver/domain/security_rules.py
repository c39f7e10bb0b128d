"""What a rule of a security group or network ACL may say: protocols and ports.

EC2 takes a protocol by name or by number (IANA, "Protocol Numbers"); security groups show names,
ACLs numbers, and -1 means all. Each function raises Refusal or returns; none looks anything up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from routeserver.domain.refusal import Refusal

ALL: Final = "-1"
NUMBERS: Final = {"icmp": "1", "tcp": "6", "udp": "17", "icmpv6": "58"}
NAMES: Final = {number: name for name, number in NUMBERS.items()}
WITH_PORTS: Final = frozenset({"tcp", "udp"})
WITH_TYPES: Final = frozenset({"icmp", "icmpv6"})
MAX_PROTOCOL: Final = 255
MAX_PORT: Final = 65535
MAX_DESCRIPTION: Final = 255

FIRST_ACL_RULE: Final = 1
LAST_ACL_RULE: Final = 32766


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """One rule of a security group as a request names it: one peer, one range of ports."""

    protocol: str
    from_port: int | None = None
    to_port: int | None = None
    cidr: str | None = None
    prefix_list_id: str | None = None
    group_id: str | None = None
    description: str | None = None

    @property
    def identity(self) -> RuleSpec:
        """What tells two rules apart: everything but the description."""
        return replace(self, description=None)

    @property
    def peer(self) -> str:
        return self.cidr or self.prefix_list_id or self.group_id or ""

    def __str__(self) -> str:
        ports = (
            ""
            if self.from_port is None
            else f", from port: {self.from_port}, to port: {self.to_port}"
        )
        protocol = "ALL" if self.protocol == ALL else self.protocol.upper()
        return f"peer: {self.peer}, {protocol}{ports}, ALLOW"


def protocol_name(text: str) -> str:
    """A protocol as security groups show it: a name where it has ports or types, else a number."""
    lowered = text.lower()
    if lowered in (ALL, "all"):
        return ALL
    if lowered in NUMBERS:
        return lowered
    if lowered.isascii() and lowered.isdigit() and len(lowered) <= 3:
        number = int(lowered)
        if number <= MAX_PROTOCOL:
            return NAMES.get(str(number), str(number))
    raise Refusal(
        "InvalidParameterValue", f"Invalid value '{text}' for IP protocol. Unknown protocol."
    )


def protocol_number(text: str) -> str:
    """A protocol as network ACLs show it."""
    name = protocol_name(text)
    return NUMBERS.get(name, name)


def ports(protocol: str, first: int | None, last: int | None) -> tuple[int | None, int | None]:
    """The range as it is kept: ports, an ICMP type and code, or nothing where there is none."""
    if protocol in WITH_PORTS:
        return check_ports(first, last)
    if protocol in WITH_TYPES:
        kind = -1 if first is None else first
        code = -1 if last is None else last
        return check_icmp(kind, code)
    return None, None


def check_ports(first: int | None, last: int | None) -> tuple[int, int]:
    if first is None or last is None or first < 0 or last < 0:
        raise Refusal(
            "InvalidParameterValue",
            "Invalid value for portRange. Must specify both from and to ports with TCP/UDP.",
        )
    if first > MAX_PORT or last > MAX_PORT:
        raise Refusal(
            "InvalidParameterValue",
            f"Invalid value '{max(first, last)}' for portRange. A port is between 0 and "
            f"{MAX_PORT}.",
        )
    if first > last:
        raise Refusal(
            "InvalidParameterValue",
            f"Invalid TCP/UDP port range ({first}:{last}): the first port is above the last.",
        )
    return first, last


def check_icmp(kind: int, code: int) -> tuple[int, int]:
    """An ICMP type and code (RFC 792): octets, or -1 for all; a code needs a type."""
    if not (-1 <= kind <= 255 and -1 <= code <= 255) or (kind == -1 and code != -1):
        raise Refusal(
            "InvalidParameterValue",
            f"Invalid ICMP type and code ({kind}:{code}): both are between 0 and 255, or -1 for "
            "all; all types have all codes.",
        )
    return kind, code


def check_description(text: str | None) -> str | None:
    """EC2 counts an empty description as none."""
    if text is not None and len(text) > MAX_DESCRIPTION:
        raise Refusal(
            "InvalidParameterValue",
            f"Invalid rule description: it is longer than {MAX_DESCRIPTION} characters.",
        )
    return text or None


def check_group_name(name: str) -> None:
    if not name or len(name) > MAX_DESCRIPTION:
        raise Refusal(
            "InvalidParameterValue",
            f"Value ({name}) for parameter GroupName is invalid. Character sets beyond ASCII are "
            f"not supported, and it has 1 to {MAX_DESCRIPTION} characters.",
        )
    if not name.isascii() or not name.isprintable():
        raise Refusal(
            "InvalidParameterValue",
            f"Value ({name}) for parameter GroupName is invalid. Character sets beyond ASCII are "
            "not supported.",
        )
    if name.lower().startswith("sg-"):
        raise Refusal(
            "InvalidParameterValue",
            f"Value ({name}) for parameter GroupName is invalid. Group names may not be in the "
            "format sg-*.",
        )
    if name.lower() == "default":
        raise Refusal("InvalidParameterValue", "Cannot use reserved security group name: default")


def check_acl_rule_number(number: int) -> None:
    if not FIRST_ACL_RULE <= number <= LAST_ACL_RULE:
        raise Refusal(
            "InvalidParameterValue",
            f"Value ({number}) for parameter ruleNumber is invalid. A rule number is between "
            f"{FIRST_ACL_RULE} and {LAST_ACL_RULE}.",
        )
