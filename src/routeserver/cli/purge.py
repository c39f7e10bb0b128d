"""``routeserver purge``: forget at once what was deleted and is still described."""

from __future__ import annotations

from typing import Annotated

import typer

from routeserver.cli import flags, printing
from routeserver.cli.operator_client import Operator


def purge(
    older_than_s: Annotated[
        int,
        typer.Option("--older-than-s", min=0, help="Only what was deleted so many seconds ago."),
    ] = 0,
    as_json: flags.Json = False,
    data_dir: flags.DataDir = None,
    config: flags.Config = None,
) -> None:
    """Forget deleted route servers, endpoints and peers, and terminated instances, of all accounts.

    By themselves they go after the time that the setting tombstone_s says.
    """
    answer = Operator.of(data_dir, config).ask("purge", older_than_s=older_than_s)
    if as_json:
        printing.as_json(answer)
        return
    for kind, count in answer["purged"].items():
        typer.echo(f"{kind}: {count}")
