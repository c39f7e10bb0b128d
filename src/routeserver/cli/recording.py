"""``routeserver record`` and ``routeserver replay``: what a session received and did, and the same
again through the pure core."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import IO, Annotated, Any

import typer
from rich.text import Text

from routeserver.app.errors import StartError
from routeserver.cli import flags, printing
from routeserver.cli.operator_client import Operator
from routeserver.cli.printing import BAD, GOOD
from routeserver.observe.replay import RecordError, replay


def record(
    peer: Annotated[str, typer.Argument(metavar="RSP", help="The peer's id.")],
    to: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where to write; standard output if not given."),
    ] = None,
    data_dir: flags.DataDir = None,
    config: flags.Config = None,
) -> None:
    """Record a peer's sessions as JSON lines until Ctrl-C.

    To have a session from its first octet, start before it is up. Secrets are not in a record, but
    everything that the peer announces is.
    """
    lines = Operator.of(data_dir, config).lines("record", peer=peer)
    with contextlib.suppress(KeyboardInterrupt), contextlib.ExitStack() as files:
        out: IO[bytes] | None = None
        for line in lines:
            if out is None:  # not before the server has agreed
                out = sys.stdout.buffer if to is None else files.enter_context(_opened(to))
            out.write(line)
            out.flush()


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("wb")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StartError(f"cannot write {path}: {reason}; name another file with --to") from error


def replay_record(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What record has written.")],
    as_json: flags.Json = False,
) -> None:
    """Run a record through the pure core; the first difference ends it, with exit status 1."""
    try:
        with file.open(encoding="utf-8") as lines:
            outcome = replay(lines)
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(f"cannot read {file}: {error}; name a file of routeserver record") from (
            error
        )
    except RecordError as error:
        raise StartError(f"{file}: {error}") from error
    difference = outcome.difference
    if as_json:
        printing.as_json(
            {
                "sessions": outcome.sessions,
                "inputs": outcome.inputs,
                "events": outcome.events,
                "routes": outcome.routes,
                "fib_routes": outcome.fib_routes,
                "difference": None
                if difference is None
                else {
                    "line": difference.line,
                    "recorded": difference.recorded,
                    "replayed": difference.replayed,
                },
            }
        )
    else:
        _print_outcome(outcome)
    if difference is not None:
        raise typer.Exit(1)


def _print_outcome(outcome: Any) -> None:
    console = printing.console()
    counted = (
        f"{outcome.sessions:,} session(s), {outcome.inputs:,} input(s), "
        f"{outcome.events:,} event(s) alike"
    )
    if outcome.difference is None:
        console.print(printing.line(("the same", GOOD), f": {counted}"))
        console.print(f"{outcome.routes:,} route(s), {outcome.fib_routes:,} in the FIB at the end")
        return
    console.print(printing.line(("different", BAD), f" after {counted}"))
    console.print(f"line {outcome.difference.line}:")
    for name in ("recorded", "replayed"):
        event = getattr(outcome.difference, name)
        shown = "nothing" if event is None else json.dumps(event, ensure_ascii=False)
        console.print(Text(f"  {name}: {shown}"))
