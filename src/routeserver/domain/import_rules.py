"""Import rules as lists of tables: read with reasons, and written back.

name = "branches"                             # any text, once
prefixes = ["10.0.0.0/8 ge 16 le 24"]         # without ge and le exactly that prefix
as_paths = ["^65001 .* [64512-65534]$"]       # `net.as_path_pattern`
communities = ["65001:100", "rt:65001:7"]     # `net.communities`
action = "reject"                             # accept, reject or continue
reason = "Branches may not announce this."    # of a reject
set_med = 50
set_preference = 200                          # 100 unless set; the higher is preferred
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from routeserver.net.as_path_pattern import parse_as_path_pattern
from routeserver.net.communities import parse_community
from routeserver.net.peering import ImportAction, ImportRule, PrefixRange
from routeserver.net.prefix import Family, family_of, format_prefix, length_of, parse_prefix

MAX_RULES: Final = 256
MAX_CONDITIONS: Final = 1024
"""Of one kind in one rule."""
MAX_TEXT: Final = 255

_RANGE: Final = re.compile(r"(\S+?/\d{1,3})(?:\s+ge\s+(\d{1,3}))?(?:\s+le\s+(\d{1,3}))?", re.ASCII)
_WIDTH: Final = {Family.IPV4: 32, Family.IPV6: 128}
_MAX_VALUE: Final = 0xFFFF_FFFF

_T = TypeVar("_T")


class RuleRefused(ValueError):  # noqa: N818 - like `Refusal`, an answer
    """Rule number `index`; `key` is empty for the rule as a whole, else begins with a dot."""

    def __init__(self, index: int, key: str, allowed: str) -> None:
        super().__init__(f"{index}{key}: it must be {allowed}")
        self.index = index
        self.key = key
        self.allowed = allowed


def read_rules(value: object) -> tuple[ImportRule, ...]:
    """Raises RuleRefused, or ValueError for what is no list of rules."""
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or len(value) > MAX_RULES:
        raise ValueError(f"a list of at most {MAX_RULES} rules")
    rules = tuple(_read_rule(index, rule) for index, rule in enumerate(value))
    seen: set[str] = set()
    for index, rule in enumerate(rules):
        if rule.name in seen:
            raise RuleRefused(index, ".name", f"a name of its own; '{rule.name}' is another rule")
        seen.add(rule.name)
    return rules


def parse_prefix_range(text: str) -> PrefixRange:
    """``10.0.0.0/8``, with ``ge 16``, ``le 24`` or both after it.

    Raises ValueError in words.
    """
    found = _RANGE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"'{text}' is not of the form 10.0.0.0/8 ge 16 le 24")
    prefix = parse_prefix(found.group(1))
    length, width = length_of(prefix), _WIDTH[family_of(prefix)]
    ge = int(found.group(2) or length)
    le = int(found.group(3) or (width if found.group(2) else length))
    if not length <= ge <= le <= width:
        raise ValueError(f"'{text}' needs {length} <= ge <= le <= {width}")
    return PrefixRange(prefix, ge, le)


def format_prefix_range(within: PrefixRange) -> str:
    prefix = format_prefix(within.prefix)
    length = length_of(within.prefix)
    if within.ge == within.le == length:
        return prefix
    return f"{prefix} ge {within.ge} le {within.le}"


def rules_mapping(rules: Sequence[ImportRule]) -> list[dict[str, object]]:
    """What reads as `rules`; conditions and outcomes that are not set are left out."""
    out = []
    for rule in rules:
        every: dict[str, object] = {
            "name": rule.name,
            "prefixes": [format_prefix_range(within) for within in rule.prefixes],
            "as_paths": [pattern.text for pattern in rule.as_paths],
            "communities": [pattern.text for pattern in rule.communities],
            "action": rule.action.value,
            "reason": rule.reason,
            "set_med": rule.set_med,
            "set_preference": rule.set_preference,
        }
        out.append({key: value for key, value in every.items() if value not in (None, [], "")})
    return out


def _read_rule(index: int, value: object) -> ImportRule:
    if not isinstance(value, Mapping):
        raise RuleRefused(index, "", "a table")
    read: dict[str, Any] = {}
    for key, member in value.items():
        reader = _READERS.get(key)
        if reader is None:
            raise RuleRefused(index, f".{key}", "one of " + ", ".join(_READERS))
        try:
            read[key] = reader(member)
        except ValueError as error:
            raise RuleRefused(index, f".{key}", str(error)) from error
    if not read.get("name"):
        raise RuleRefused(index, ".name", "given: it is what a rejected route shows")
    return ImportRule(**read)


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT or not value.isprintable():
        raise ValueError(f"printable text of at most {MAX_TEXT} characters")
    return value.strip()


def _action(value: object) -> ImportAction:
    try:
        return ImportAction(str(value).strip().lower())
    except ValueError:
        raise ValueError(" or ".join(ImportAction)) from None


def _value(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_VALUE:
        return value
    raise ValueError(f"a whole number from 0 to {_MAX_VALUE}")


def _several(parse: Callable[[str], _T], example: str) -> Callable[[object], tuple[_T, ...]]:
    def read(value: object) -> tuple[_T, ...]:
        members = [value] if isinstance(value, str) else value
        if not isinstance(members, Sequence) or len(members) > MAX_CONDITIONS:
            raise ValueError(f"a list of at most {MAX_CONDITIONS}, such as {example}")
        out = []
        for member in members:
            if not isinstance(member, str):
                raise ValueError(f"a list of texts such as {example}")  # noqa: TRY004
            try:
                out.append(parse(member))
            except ValueError as error:
                raise ValueError(f"like {example}; {error}") from error
        return tuple(out)

    return read


_READERS: Final[Mapping[str, Callable[[object], object]]] = {
    "name": _text,
    "prefixes": _several(parse_prefix_range, "10.0.0.0/8 ge 16 le 24"),
    "as_paths": _several(parse_as_path_pattern, "^65001 .* [64512-65534]$"),
    "communities": _several(parse_community, "65001:100"),
    "action": _action,
    "reason": _text,
    "set_med": _value,
    "set_preference": _value,
}
