"""The flags that several commands share; what they accept is the settings' business."""

from __future__ import annotations

import os
from typing import Annotated, TypeAlias

import typer

from routeserver.settings.load import Effective, load

DataDir: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="D",
        help="Where the server keeps its state. [default: /var/lib/routeserver for root, "
        "else ~/.local/state/routeserver]",
    ),
]
Listen: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="The API's address. [default: 127.0.0.1:8179]"),
]
BgpPort: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="N", help="TCP port of BGP. [default: 179 where allowed, else 1790]"),
]
Fabric: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="loopback|netns|host", help="Where endpoint addresses live. [default: loopback]"
    ),
]
Profile: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="aws|open", help="Amazon's quotas and behaviour, or no caps. [default: aws]"
    ),
]
Config: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="FILE", help="Settings file. [default: routeserver.toml in the data directory]"
    ),
]

RouteServer: TypeAlias = Annotated[
    str | None, typer.Option(metavar="RS", help="Only this route server.")
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def effective(**flags: str | None) -> Effective:
    """The settings of this process: the flags over the environment over the file.

    Raises SettingsError.
    """
    return load(flags, os.environ, is_root=os.geteuid() == 0)
