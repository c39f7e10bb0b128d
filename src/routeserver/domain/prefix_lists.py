"""What a managed prefix list may be: its name, its size, its entries.

Each function raises Refusal or returns; none looks anything up. An entry is kept as its block, a
blank and its description.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from routeserver.domain.refusal import Refusal
from routeserver.domain.vpc_rules import check_ipv4_block, check_ipv6_block, invalid_value

FAMILIES: Final = ("IPv4", "IPv6")
MAX_NAME: Final = 255
MAX_DESCRIPTION: Final = 255
RESERVED: Final = "com.amazonaws"


def check_name(name: str) -> str:
    if not name or len(name) > MAX_NAME or name.lower().startswith(RESERVED):
        raise invalid_value(
            "PrefixListName",
            name,
            f"A name has 1 to {MAX_NAME} characters and does not begin with {RESERVED}.",
        )
    return name


def check_family(family: str) -> str:
    if family not in FAMILIES:
        raise invalid_value("AddressFamily", family, f"Valid values: {', '.join(FAMILIES)}.")
    return family


def check_size(max_entries: int, limit: int | None) -> int:
    if max_entries < 1 or (limit is not None and max_entries > limit):
        most = "" if limit is None else f" and at most {limit}"
        raise invalid_value("MaxEntries", max_entries, f"It is at least 1{most}.")
    return max_entries


def check_block(text: str, family: str) -> str:
    check = check_ipv4_block if family == "IPv4" else check_ipv6_block
    return str(check("Cidr", text))


def check_description(text: str) -> str:
    if len(text) > MAX_DESCRIPTION:
        raise invalid_value("Description", text, f"It has at most {MAX_DESCRIPTION} characters.")
    return text


def edited(
    entries: Mapping[str, str],
    *,
    add: Iterable[tuple[str, str]],
    remove: Iterable[str],
    max_entries: int,
) -> dict[str, str]:
    """The entries (description by block) after a change; one that is added again gets its new
    description.

    Raises Refusal InvalidParameterValue for a block named twice or to be removed and not there,
    PrefixListMaxEntriesExceeded.
    """
    after = dict(entries)
    touched: set[str] = set()
    for block in remove:
        _once(block, touched)
        if after.pop(block, None) is None:
            raise Refusal("InvalidParameterValue", f"The entry {block} is not in the prefix list.")
    for block, description in add:
        _once(block, touched)
        after[block] = description
    if len(after) > max_entries:
        raise Refusal(
            "PrefixListMaxEntriesExceeded",
            f"You've reached the maximum number of entries for the prefix list: it would have "
            f"{len(after)} of {max_entries}.",
        )
    return after


def _once(block: str, touched: set[str]) -> None:
    if block in touched:
        raise Refusal("InvalidParameterValue", f"The entry {block} is specified twice.")
    touched.add(block)


def as_texts(entries: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{block} {description}" for block, description in entries.items())


def from_texts(texts: Iterable[str]) -> dict[str, str]:
    """Description by block, in the order in which the entries came."""
    return {block: description for block, _, description in (text.partition(" ") for text in texts)}
