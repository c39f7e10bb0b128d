"""Carrying a plan out: each call, each wait, and the ids written down as they come."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final
from xml.etree import ElementTree as ET

from routeserver.lab.cloud_plan import Call, CloudStep, Look, Params, Ref
from routeserver.lab.errors import LabError
from routeserver.lab.interfaces import Api, Tell
from routeserver.lab.journal import Journal

TAG: Final = "routeserver:lab"
_TAGGED: Final = "TagSpecification.1.ResourceType"
_SECOND_TAG: Final = "TagSpecification.1.Tag.2"
WAIT_S: Final = 60.0
LOOK_S: Final = 0.05


def carry_out(steps: Iterable[CloudStep], api: Api, journal: Journal, tell: Tell) -> None:
    """Raises StartError with what the server said."""
    listed = list(steps)
    last = {step.what: place for place, step in enumerate(listed)}
    kept: defaultdict[str, list[str]] = defaultdict(list)
    for place, step in enumerate(listed):
        journal.note(step=step.what)
        match step:
            case Call():
                keep(step.keeps, api(step.action, resolved(step.params, journal)), journal)
            case Look():
                _look(step, api, journal)
        kept[step.what] += (journal.notes.ids[name] for name in step.keeps)
        if last[step.what] == place:
            tell(step.what, " ".join(kept[step.what]))


def resolved(params: Params, journal: Journal) -> dict[str, str]:
    """With names resolved, and the lab's tag on everything that is made."""
    ids = journal.notes.ids
    found = {k: ids[v.name] if isinstance(v, Ref) else v for k, v in params.items()}
    if _TAGGED in found:
        found[f"{_SECOND_TAG}.Key"], found[f"{_SECOND_TAG}.Value"] = TAG, journal.notes.token
    return found


def keep(keeps: Mapping[str, str], answer: ET.Element, journal: Journal) -> None:
    if not keeps:
        return
    found = {name: answer.findtext(path) or "" for name, path in keeps.items()}
    missing = [name for name, value in found.items() if not value]
    if missing:
        raise LabError(f"the server's answer has no {missing[0]}; look into its log")
    journal.note(ids=found)


def _look(step: Look, api: Api, journal: Journal) -> None:
    deadline = time.monotonic() + WAIT_S
    while True:
        answer = api(step.action, resolved(step.params, journal))
        seen = answer.findtext(step.path)
        if seen == step.wanted:
            keep(step.keeps, answer, journal)
            return
        reason = answer.findtext(".//failureReason")
        if reason or time.monotonic() > deadline:
            why = f": {reason}" if reason else ""
            raise LabError(
                f"{step.what} is {seen or 'not there'}, not {step.wanted}{why}; "
                "look into the server's log"
            )
        time.sleep(LOOK_S)


def route_tables(api: Api, journal: Journal, tables: Iterable[str]) -> dict[str, list[Any]]:
    """The routes of the lab's tables, by the name of the table: destination, target, origin and
    state."""
    found = {}
    for table in tables:
        answer = api("DescribeRouteTables", {"RouteTableId.1": journal.notes.ids[f"table.{table}"]})
        found[table] = [
            (
                item.findtext("destinationCidrBlock")
                or item.findtext("destinationIpv6CidrBlock")
                or "",
                item.findtext("networkInterfaceId") or item.findtext("gatewayId") or "-",
                item.findtext("origin") or "",
                item.findtext("state") or "",
            )
            for item in answer.iterfind("routeTableSet/item/routeSet/item")
        ]
    return found
