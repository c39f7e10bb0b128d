"""``routeserver config``: every setting, its effective value and where that came from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from routeserver.cli import flags
from routeserver.settings.load import DEFAULT, Effective, without_password
from routeserver.settings.table import QUOTA_PREFIX, SETTINGS, Setting

ABSENT: Final = {
    "database_url": "embedded",
    "bgp_port": "auto",
    "keepalive_s": "auto",
    "peers_file": "none",
    "run_as": "auto",
    "host_interface": "none",
}
"""How None is written, by setting; for quotas it is `unlimited`."""

UNFOLDED: Final = 10_000
"""Columns where no terminal limits them: one setting is one line."""


@dataclass(frozen=True, slots=True)
class Shown:
    setting: Setting
    value: str | int | bool | list[str]
    origin: str


def config(  # noqa: PLR0917 - one for each flag
    data_dir: flags.DataDir = None,
    listen: flags.Listen = None,
    bgp_port: flags.BgpPort = None,
    fabric: flags.Fabric = None,
    profile: flags.Profile = None,
    config: flags.Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the effective settings and where each came from."""
    effective = flags.effective(
        data_dir=data_dir,
        listen=listen,
        bgp_port=bgp_port,
        fabric=fabric,
        profile=profile,
        config=config,
    )
    if as_json:
        found = {
            shown.setting.name: {"value": shown.value, "origin": shown.origin}
            for shown in rows(effective)
        }
        typer.echo(json.dumps(found, indent=2))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("setting", "value", "from", "meaning"):
        table.add_column(heading, overflow="fold")
    for shown in rows(effective):
        value = ",".join(shown.value) if isinstance(shown.value, list) else str(shown.value)
        table.add_row(
            Text(shown.setting.name),
            Text(value.lower() if isinstance(shown.value, bool) else value),
            Text(shown.origin, "dim" if shown.origin == DEFAULT else "green"),
            Text(shown.setting.meaning, "dim"),
        )
    console = Console()
    if not console.is_terminal:
        console = Console(width=UNFOLDED)
    console.print(table)


def rows(effective: Effective) -> Iterator[Shown]:
    """Every setting in the order of the table, its value as it would be written."""
    settings = effective.settings
    for setting in SETTINGS:
        name = setting.name
        if name.startswith(QUOTA_PREFIX):
            value = getattr(settings.quotas, name.removeprefix(QUOTA_PREFIX))
            absent = "unlimited"
        else:
            value = getattr(settings, name)
            absent = ABSENT.get(name, "")
        yield Shown(setting, _written(absent if value is None else value), effective.origins[name])


def _written(value: object) -> str | int | bool | list[str]:
    match value:
        case bool() | int():
            return value
        case StrEnum():
            return value.value
        case tuple():
            return [str(part) for part in value]
        case _:
            return str(without_password(str(value)))
