"""The conditions of a statement: every operator of the policy language and how it compares.

Follows the IAM user guide, "IAM JSON policy elements: Condition operators" and "Conditions with
multiple context keys or values". All conditions of a statement must hold; one holds when the
request's value fits any of the policy's values, or, for a negated operator, none of them. A key
that the request does not have fails a plain operator and satisfies a negated one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_address, ip_network
from operator import eq, ge, gt, le, lt
from typing import Any, Final, TypeAlias

from routeserver.ec2.iam_pattern import Context, Pattern, arn_like, like

Compare: TypeAlias = Callable[[str, Pattern, Context], bool]
"""Whether the request's value fits the policy's."""

Check: TypeAlias = Callable[[str], object]
"""Raises ValueError for a policy value that can never be compared."""


class Quantifier(StrEnum):
    SINGLE = ""
    FOR_ANY = "ForAnyValue"
    FOR_ALL = "ForAllValues"


@dataclass(frozen=True, slots=True)
class Operator:
    compare: Compare
    check: Check | None = None
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    operator: Operator
    key: str
    """In lower case."""
    values: tuple[Pattern, ...]
    quantifier: Quantifier = Quantifier.SINGLE
    if_exists: bool = False
    is_null: bool = False
    """The Null operator: it asks whether the key is there at all."""

    def holds(self, context: Context) -> bool:
        present = context.get(self.key)
        if self.is_null:
            return any((present is None) == (each.source.lower() == "true") for each in self.values)
        if present is None:
            if self.quantifier is Quantifier.SINGLE:
                return self.if_exists or self.operator.negated
            return self.if_exists or self.quantifier is Quantifier.FOR_ALL
        fits = (self._fits(each, context) for each in present)
        if self.quantifier is Quantifier.FOR_ALL:
            return all(fits)
        if self.quantifier is Quantifier.FOR_ANY or not self.operator.negated:
            return any(fits)
        return all(fits)

    def _fits(self, value: str, context: Context) -> bool:
        compare = self.operator.compare
        found = any(compare(value, each, context) for each in self.values)
        return found is not self.operator.negated


# --- how values compare ---------------------------------------------------------------------------


def _text_equal(value: str, wanted: Pattern, context: Context) -> bool:
    return wanted.literal(context) == value


def _text_equal_ignoring_case(value: str, wanted: Pattern, context: Context) -> bool:
    literal = wanted.literal(context)
    return literal is not None and literal.lower() == value.lower()


def _text_like(value: str, wanted: Pattern, context: Context) -> bool:
    glob = wanted.resolve(context)
    return glob is not None and like(glob, value)


def _arn_like(value: str, wanted: Pattern, context: Context) -> bool:
    glob = wanted.resolve(context)
    return glob is not None and arn_like(glob, value)


def _ordered(read: Callable[[str], Any], compare: Callable[[Any, Any], bool]) -> Compare:
    def compare_read(value: str, wanted: Pattern, _context: Context) -> bool:
        try:
            return compare(read(value), read(wanted.source))
        except ValueError:
            return False

    return compare_read


def _within_network(value: str, wanted: Pattern, _context: Context) -> bool:
    try:
        address, network = ip_address(value), _network(wanted.source)
    except ValueError:
        return False
    return address.version == network.version and address in network


def _never(_value: str, _wanted: Pattern, _context: Context) -> bool:
    return False


@lru_cache(maxsize=1024)
def _network(text: str) -> Any:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"'{text}' is not an IP address or CIDR block") from None


_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,30})?", re.A)


def _number(text: str) -> float:
    if _NUMBER.fullmatch(text) is None:
        raise ValueError(f"'{text}' is not a number")
    return float(text)


def _moment(text: str) -> float:
    """UTC seconds of an ISO 8601 date, or of the epoch seconds themselves."""
    if _NUMBER.fullmatch(text) is not None:
        return float(text)
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise ValueError(f"'{text}' is not a date such as 2026-01-31T12:00:00Z") from None


def _truth(text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise ValueError(f"'{text}' is neither true nor false")
    return text.lower() == "true"


_COMPARISONS: Final = {
    "Equals": eq,
    "LessThan": lt,
    "LessThanEquals": le,
    "GreaterThan": gt,
    "GreaterThanEquals": ge,
}

OPERATORS: Final[dict[str, Operator]] = {
    "StringEquals": Operator(_text_equal),
    "StringNotEquals": Operator(_text_equal, negated=True),
    "StringEqualsIgnoreCase": Operator(_text_equal_ignoring_case),
    "StringNotEqualsIgnoreCase": Operator(_text_equal_ignoring_case, negated=True),
    "StringLike": Operator(_text_like),
    "StringNotLike": Operator(_text_like, negated=True),
    **{
        f"{noun}{name}": Operator(_ordered(read, compare), read)
        for noun, read in (("Numeric", _number), ("Date", _moment))
        for name, compare in _COMPARISONS.items()
    },
    "NumericNotEquals": Operator(_ordered(_number, eq), _number, negated=True),
    "DateNotEquals": Operator(_ordered(_moment, eq), _moment, negated=True),
    "Bool": Operator(_ordered(_truth, eq), _truth),
    "BinaryEquals": Operator(_text_equal),
    "IpAddress": Operator(_within_network, _network),
    "NotIpAddress": Operator(_within_network, _network, negated=True),
    "ArnEquals": Operator(_arn_like),
    "ArnLike": Operator(_arn_like),
    "ArnNotEquals": Operator(_arn_like, negated=True),
    "ArnNotLike": Operator(_arn_like, negated=True),
    "Null": Operator(_never, _truth),
}

_IF_EXISTS: Final = "IfExists"


def condition(operator_name: str, key: str, values: tuple[Pattern, ...]) -> Condition:
    """One operator with one key. Raises ValueError with what is wrong."""
    prefix, colon, plain = operator_name.rpartition(":")
    try:
        quantifier = Quantifier(prefix)
    except ValueError:
        raise ValueError(f"the condition operator {operator_name} is not known") from None
    if_exists = plain.endswith(_IF_EXISTS)
    plain = plain.removesuffix(_IF_EXISTS)
    operator = OPERATORS.get(plain)
    if operator is None or (colon and not prefix) or (plain == "Null" and (if_exists or prefix)):
        raise ValueError(f"the condition operator {operator_name} is not known")
    if ":" not in key:
        raise ValueError(f"the condition key {key} has no vendor, such as aws: or ec2:")
    if operator.check is not None:
        for each in values:
            operator.check(each.source)
    return Condition(operator, key.lower(), values, quantifier, if_exists, plain == "Null")
