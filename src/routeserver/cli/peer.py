"""``routeserver peer``: single peers of the running server, their settings and sessions."""

from __future__ import annotations

import contextlib
import json
import sys
import tomllib
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from routeserver.app.errors import StartError
from routeserver.cli import flags, printing
from routeserver.cli.operator_client import Operator
from routeserver.cli.printing import FAINT
from routeserver.cli.show import print_settings
from routeserver.control.operator.reference import REFERENCE, markdown

peer = typer.Typer(help="Single peers: their settings, refresh, reset.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="RSP", help="The peer's id.")]

_JSON_BEGINS: Final = ("[", "{")


@peer.command("set")
def set_(
    peer_id: Id,
    settings: Annotated[
        list[str],
        typer.Argument(
            metavar="KEY=VALUE...",
            help="VALUE may be JSON, @FILE for what a file says, or - for standard input.",
        ),
    ],
    as_json: flags.Json = False,
    data_dir: flags.DataDir = None,
    config: flags.Config = None,
) -> None:
    """Set some settings of a peer; 'routeserver peer settings --explain' lists them.

    Secrets are better given as @FILE than on the command line, where others may see them.
    """
    given = _parsed(settings)
    _print(Operator.of(data_dir, config).ask("peer-set", peer=peer_id, settings=given), as_json)


@peer.command("unset")
def unset(  # noqa: PLR0917 - one for each flag
    peer_id: Id,
    keys: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY...]", help="Which settings.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Everything set for the peer.")] = False,
    as_json: flags.Json = False,
    data_dir: flags.DataDir = None,
    config: flags.Config = None,
) -> None:
    """Take settings of a peer back: file and profile decide again."""
    if bool(keys) == every:
        raise typer.BadParameter("name the settings to take back, or --all")
    _print(Operator.of(data_dir, config).ask("peer-unset", peer=peer_id, keys=keys), as_json)


@peer.command("show")
def show(
    peer_id: Id,
    as_json: flags.Json = False,
    data_dir: flags.DataDir = None,
    config: flags.Config = None,
) -> None:
    """Show the settings in force and where each comes from; secrets are masked."""
    _print(Operator.of(data_dir, config).ask("peer-settings", peer=peer_id), as_json)


@peer.command("refresh")
def refresh(
    peer_id: Id,
    data_dir: flags.DataDir = None,
    config: flags.Config = None,
) -> None:
    """Have the peer send all its routes again (route refresh).

    New import rules do not need it: they apply to the routes that are there by themselves.
    """
    Operator.of(data_dir, config).ask("peer-refresh", peer=peer_id)
    typer.echo(f"{peer_id} was asked for its routes; 'routeserver show peer' tells until it begins")


@peer.command("reset")
def reset(
    peer_id: Id,
    message: Annotated[
        str | None, typer.Option("--message", "-m", help="Words for the operator of the peer.")
    ] = None,
    hard: Annotated[
        bool, typer.Option("--hard", help="Let no routes survive, whatever both sides agreed on.")
    ] = False,
    data_dir: flags.DataDir = None,
    config: flags.Config = None,
) -> None:
    """End the peer's session; the peer begins a new one. Pauses for failures are forgiven."""
    operator = Operator.of(data_dir, config)
    operator.ask("peer-reset", peer=peer_id, message=message, hard=hard)
    typer.echo(f"the session of {peer_id} was ended; an endpoint waits for the peer to call")


@peer.command("reload")
def reload(
    as_json: flags.Json = False,
    data_dir: flags.DataDir = None,
    config: flags.Config = None,
) -> None:
    """Read the peers' file again, as SIGHUP does."""
    answer = Operator.of(data_dir, config).ask("peer-reload")
    if as_json:
        printing.as_json(answer)
        return
    if answer["file"] is None:
        typer.echo("there is no peers file; the setting peers_file names one")
        return
    typer.echo(f"read {answer['file']}: {answer['sections']} section(s)")
    for name in answer["unmatched"]:
        typer.echo(f"  [{name}] matches no peer yet")


@peer.command("settings")
def settings(
    explain: Annotated[
        bool, typer.Option("--explain", help="With meanings and what a change does.")
    ] = False,
    as_json: flags.Json = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", hidden=True)] = False,
) -> None:
    """List every setting that a peer has; needs no server."""
    if as_markdown:
        typer.echo(markdown(), nl=False)
        return
    if as_json:
        printing.as_json(
            {
                row.key: {
                    "aws": row.aws,
                    "open": row.open,
                    "allowed_in_aws": row.is_amazons,
                    "change": row.change,
                    "meaning": row.meaning,
                }
                for row in REFERENCE
            }
        )
        return
    headings = ["setting", "default in aws", "in open"]
    rows = []
    for row in REFERENCE:
        cells: list[Any] = [row.key, printing.plain(row.aws), printing.plain(row.open)]
        if explain:
            cells += [row.change, printing.line((row.meaning, FAINT))]
        rows.append(cells)
    if explain:
        headings += ["a change", "meaning"]
    printing.console().print(printing.table(headings, rows))


def _print(answer: Any, as_json: bool) -> None:
    if as_json:
        printing.as_json(answer)
        return
    console = printing.console()
    if answer["problem"] is not None:
        console.print(printing.line(("not in force: ", "red"), answer["problem"]))
    print_settings(console, answer["settings"])


# --- KEY=VALUE ------------------------------------------------------------------------------------


def _parsed(written: list[str]) -> dict[str, Any]:
    """``key=value`` and ``table.key=value`` as the mapping they mean."""
    found: dict[str, Any] = {}
    for each in written:
        key, equals, text = each.partition("=")
        if not equals or not key:
            raise typer.BadParameter(f"'{each}' is no setting; write it like hold_time_s=30")
        inside = found
        *tables, last = key.strip().split(".")
        for name in tables:
            inside = inside.setdefault(name, {})
            if not isinstance(inside, dict):
                raise typer.BadParameter(f"{name} is given as a value and as a table")
        inside[last] = _value(last, text)
    return found


def _value(key: str, text: str) -> Any:
    if text == "-":
        text = sys.stdin.read().strip()
    elif text.startswith("@"):
        text = _file(Path(text[1:]))
        with contextlib.suppress(tomllib.TOMLDecodeError):
            # A file of rules may be TOML: [[import_rules]] …
            found = tomllib.loads(text)
            if key in found:
                return found[key]
        text = text.strip()
    if text.startswith(_JSON_BEGINS):
        try:
            return json.loads(text)
        except ValueError as error:
            raise typer.BadParameter(f"{key} begins like JSON and is none: {error}") from error
    return text


def _file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(f"cannot read {path}: {error}; name a file of text behind @") from error
