"""A lab's file into a `Lab`. Whatever is wrong is one LabError with file, line and key.

`checking` then looks at what the values say of each other.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from routeserver.lab.checking import Mistake, check
from routeserver.lab.errors import LabError
from routeserver.lab.keys import NAME, NAME_RULE, REQUIRED, SECTIONS, TOP, Key, NotThatError
from routeserver.lab.model import (
    Appliance,
    DaemonKind,
    Eni,
    Floating,
    Host,
    Lab,
    RouteServer,
    Subnet,
    Table,
    Timers,
    Vpc,
)

LONGEST_FILE_BYTES: Final = 1 << 20
EXTRA: Final = "appliance.NAME.eni"

_HEADER: Final = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(#.*)?")

Values = dict[str, Any]


def read_file(path: Path, name: str | None = None) -> Lab:
    """Raises LabError."""
    return read_text(_text(path), str(path), name or None)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            written = file.read(LONGEST_FILE_BYTES + 1)
        if len(written) > LONGEST_FILE_BYTES:
            raise LabError(f"{path} is too long for a lab's file; name another one")
        return written.decode()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise LabError(f"cannot read {path}: {reason}; name a lab's file") from error
    except UnicodeDecodeError as error:
        raise LabError(f"{path} is not UTF-8: {error}; correct it there") from error


def read_text(text: str, file: str, name: str | None = None) -> Lab:
    """`file` is what mistakes are said to be in; `name` is stronger than the file's own."""
    try:
        written = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise LabError(f"{file} is not TOML: {error}; correct it there") from error
    try:
        lab = _lab(written, name, Path(file).stem)
        check(lab)
    except Mistake as mistake:
        raise LabError(f"{file}:{_line_of(text, mistake)}: {mistake}") from mistake
    return lab


def _lab(written: dict[str, Any], name: str | None, stem: str) -> Lab:
    sections = {each: written.pop(each, {}) for each in SECTIONS if each != EXTRA}
    top = _values("", written, TOP)
    named = {section: dict(_each(section, table)) for section, table in sections.items()}
    chosen = name or top["name"] or re.sub(r"[^a-z0-9-]+", "-", stem.lower()).strip("-")
    if NAME.fullmatch(chosen) is None:
        raise Mistake("", "name", f"must be a name: {NAME_RULE}")
    only_vpc = next(iter(named["vpc"]), None) if len(named["vpc"]) == 1 else None
    for section in ("table", "subnet", "route_server"):
        for each, values in named[section].items():
            values["vpc"] = values["vpc"] or only_vpc
            if values["vpc"] is None:
                raise Mistake(
                    f"{section}.{each}", "vpc", "is missing: there is more than one VPC; name one"
                )
    return Lab(
        name=chosen,
        profile=top["profile"],
        timers=Timers(top["bfd_interval_ms"], top["bfd_multiplier"], top["hold_time_s"]),
        traffic=top["traffic"],
        vpcs={each: Vpc(each, **values) for each, values in named["vpc"].items()},
        tables={each: Table(each, **values) for each, values in named["table"].items()},
        subnets={each: Subnet(each, **values) for each, values in named["subnet"].items()},
        route_servers={
            each: RouteServer(each, **values) for each, values in named["route_server"].items()
        },
        appliances={each: _appliance(each, values) for each, values in named["appliance"].items()},
        hosts={each: Host(each, **values) for each, values in named["host"].items()},
        floating={each: Floating(each, **values) for each, values in named["floating"].items()},
    )


def _appliance(name: str, values: Values) -> Appliance:
    subnet, address = values.pop("subnet"), values.pop("address")
    first = Eni("", subnet, address, values.pop("announce"), ())
    more = (Eni(each, **inner) for each, inner in values.pop("eni").items())
    kind = DaemonKind(values.pop("daemon"))
    return Appliance(name, kind, enis=(first, *more), **values)


def _each(section: str, table: Any) -> Sequence[tuple[str, Values]]:
    """The named tables of a section."""
    if not isinstance(table, Mapping):
        raise Mistake("", section, f"must be a section; write [{section}.NAME]")
    found = []
    for name, inner in table.items():
        path = f"{section}.{name}"
        if not isinstance(inner, Mapping):
            raise Mistake(section, name, f"stands outside of any {section}; write [{section}.NAME]")
        if NAME.fullmatch(name) is None:
            raise Mistake(path, "", f"has no good name; take {NAME_RULE}")
        said = dict(inner)
        more = {}
        if section == "appliance":
            for eni, its in _tables(path, said.pop("eni", {})):
                more[eni] = _values(f"{path}.eni.{eni}", its, SECTIONS[EXTRA])
        values = _values(path, said, SECTIONS[section])
        found.append((name, {**values, "eni": more} if section == "appliance" else values))
    return found


def _tables(path: str, table: Any) -> Sequence[tuple[str, Mapping[str, Any]]]:
    if not isinstance(table, Mapping) or not all(isinstance(v, Mapping) for v in table.values()):
        raise Mistake(path, "eni", f"must be sections; write [{path}.eni.NAME]")
    for name in table:
        if NAME.fullmatch(name) is None:
            raise Mistake(f"{path}.eni.{name}", "", f"has no good name; take {NAME_RULE}")
    return list(table.items())


def _values(path: str, written: Mapping[str, Any], keys: Sequence[Key]) -> Values:
    known = {key.name: key for key in keys}
    for name in written:
        if name not in known:
            what = "is no section of a lab" if isinstance(written[name], Mapping) else "is no key"
            remedy = f"known here: {', '.join(known)}"
            if not path:
                remedy += f"; sections: {', '.join(s for s in SECTIONS if s != EXTRA)}"
            raise Mistake(path, name, f"{what}; {remedy}")
    values = {}
    for name, key in known.items():
        if name not in written:
            if key.default is REQUIRED:
                raise Mistake(path, name, f"is missing; it is {key.meaning}")
            values[name] = key.default
            continue
        try:
            values[name] = key.read(written[name])
        except NotThatError as error:
            raise Mistake(path, name, f"must be {error}") from error
    return values


def _line_of(text: str, mistake: Mistake) -> int:
    """The line of the key, of the section where the key is not found, else the first: the TOML
    reader keeps no places."""
    own = re.compile(rf"\s*[\"']?{re.escape(mistake.key)}[\"']?\s*[=.]")
    section, header = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        found = _HEADER.fullmatch(line)
        if found is not None:
            section = re.sub(r"[\"'\s]", "", found[1])
            if section == mistake.section or section.startswith(f"{mistake.section}."):
                header = header or number
        elif section == mistake.section and mistake.key and own.match(line):
            return number
    if not header and mistake.key and not mistake.section:
        for number, line in enumerate(text.splitlines(), 1):
            if re.match(rf"\s*\[+\s*{re.escape(mistake.key)}[\].\s]", line):
                return number
    return header or 1
