"""EC2's filters: ``Filter.N.Name`` and its values, matched against the fields and tags of a
resource.

All filters must match, any value of a filter suffices. In a value ``*`` stands for any text, ``?``
for one character, and a backslash takes away their meaning. ``tag:KEY`` matches the value of a tag,
``tag-key`` the key of any tag; every other name must be a field the resource type offers (EC2 API
Reference, "Filter").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, TypeAlias

from routeserver.ec2 import faults

FieldValue: TypeAlias = "str | Sequence[str] | None"
Field: TypeAlias = "FieldValue | Callable[[], FieldValue]"
"""One value, several (any may match), none, or a callable that finds out when a filter asks."""

Filters: TypeAlias = Sequence[Mapping[str, Any]]
Predicate: TypeAlias = Callable[[Mapping[str, Field], Mapping[str, str]], bool]

MAX_VALUES: Final = 200
_NO_TAGS: Final[Mapping[str, str]] = {}


def matches(
    filters: Filters, fields: Mapping[str, Field], tags: Mapping[str, str] | None = None
) -> bool:
    """Whether a resource passes all filters (none given: it does).

    Raises Fault as `compile_filters` does. For many resources compile once; that also refuses an
    unknown filter when there is no resource to match.
    """
    return compile_filters(filters, fields)(fields, _NO_TAGS if tags is None else tags)


def compile_filters(filters: Filters, names: Collection[str]) -> Predicate:
    """A predicate over (fields, tags) for filters on fields called `names`.

    Raises Fault: MissingParameter for a filter without a name, InvalidParameterValue for an unknown
    one or one without values, FilterLimitExceeded for more than 200 values in all.
    """
    tests: list[tuple[str, Callable[[str], bool]]] = []
    count = 0
    for position, one in enumerate(filters, 1):
        name = one.get("Name")
        if not name:
            raise faults.missing_parameter(f"Filter.{position}.Name")
        if name not in names and name != "tag-key" and not name.startswith("tag:"):
            raise faults.invalid_filter(name)
        values = one.get("Values") or ()
        if not values:
            raise faults.Fault(
                "InvalidParameterValue", f"The filter '{faults.shortened(name)}' has no values"
            )
        count += len(values)
        tests.append((name, _any_of(values)))
    if count > MAX_VALUES:
        raise faults.Fault(
            "FilterLimitExceeded",
            f"The maximum number of filter values specified on a single call is {MAX_VALUES}",
        )

    def passes(fields: Mapping[str, Field], tags: Mapping[str, str]) -> bool:
        return all(
            any(test(value) for value in _values_of(name, fields, tags)) for name, test in tests
        )

    return passes


def exact_values(filters: Filters, name: str) -> set[str] | None:
    """The values that the filters of this name leave; None when there is none or one has a
    wildcard."""
    left: set[str] | None = None
    for one in filters:
        values = one.get("Values") or ()
        if one.get("Name") == name and not any(map(_has_wildcard, values)):
            left = set(values) if left is None else left.intersection(values)
    return left


def _values_of(name: str, fields: Mapping[str, Field], tags: Mapping[str, str]) -> Collection[str]:
    if name in fields:
        field = fields[name]
        value = field() if callable(field) else field
        if value is None:
            return ()
        return (value,) if isinstance(value, str) else value
    if name == "tag-key":
        return tags.keys()
    tagged = tags.get(name.removeprefix("tag:"))
    return () if tagged is None else (tagged,)


def _any_of(values: Sequence[str]) -> Callable[[str], bool]:
    exact = frozenset(value for value in values if not _has_wildcard(value))
    patterns = [_pattern(value) for value in values if _has_wildcard(value)]
    if not patterns:
        return exact.__contains__
    return lambda text: text in exact or any(p.fullmatch(text) for p in patterns)


def _has_wildcard(value: str) -> bool:
    return "*" in value or "?" in value or "\\" in value


def _pattern(value: str) -> re.Pattern[str]:
    """The wildcard value as a regular expression that never backtracks over an earlier ``*``.

    Each run of text between two stars is taken at its first occurrence, atomically: matching stays
    proportional to the lengths of value and text, whatever a client sends.
    """
    runs = [""]
    position = 0
    while position < len(value):
        character = value[position]
        if character == "\\" and position + 1 < len(value):
            position += 1
            runs[-1] += re.escape(value[position])
        elif character == "*":
            runs.append("")
        elif character == "?":
            runs[-1] += "."
        else:
            runs[-1] += re.escape(character)
        position += 1
    if len(runs) == 1:
        return re.compile(runs[0], re.DOTALL)
    first, *middle, last = runs
    between = "".join(f"(?>.*?{run})" for run in middle if run)
    return re.compile(f"{first}{between}.*{last}", re.DOTALL)
