"""docs/lab.md's reference of the file format, made from the tables that files are read by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from routeserver.lab.keys import ABOUT, NAME_RULE, REQUIRED, SECTIONS, TOP, Key

HEAD = """\
# The lab's file
<!-- Made by `routeserver lab examples --markdown`; edit src/routeserver/lab/keys.py instead. -->

A lab is one TOML file. Whatever has a name is a section `[kind.NAME]`; names are {rule}.
Two ready files come with the program: `routeserver lab examples` lists them. The commands
and a walk through one of them are in the [tutorial](tutorial-firewall-pair.md).

What is wrong in a file is said with file, line, key and remedy, before anything is built.
"""


def markdown() -> str:
    parts = [HEAD.format(rule=NAME_RULE), "## At the top\n", *_table(TOP)]
    for section, keys in SECTIONS.items():
        title = section if "NAME" in section else f"{section}.NAME"
        shown = f"{title}.NAME" if section.endswith(".eni") else title
        parts += [f"\n## `[{shown}]`\n", f"{ABOUT[section]}\n", *_table(keys)]
    return "\n".join(parts) + "\n"


def _table(keys: Sequence[Key]) -> Iterator[str]:
    yield "| key | value | default | meaning |"
    yield "| --- | --- | --- | --- |"
    for key in keys:
        yield f"| `{key.name}` | {key.wanted} | {_default(key.default)} | {key.meaning} |"


def _default(value: Any) -> str:
    if value is REQUIRED:
        return "must be given"
    if value is None or value == () or (isinstance(value, Mapping) and not value):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`"
