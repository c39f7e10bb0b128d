"""``routeserver``: the commands, and the one way in which all of them fail.

A mistake of the user is one line on standard error, ``routeserver: <what>; <remedy>``, and exit
status 2; it is never a traceback.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence
from typing import Annotated, Final

import typer
from typer.exceptions import Abort, TyperException

import routeserver
from routeserver.app.errors import StartError
from routeserver.cli.account import account
from routeserver.cli.appliance import app_command as appliance
from routeserver.cli.config import config
from routeserver.cli.env import env
from routeserver.cli.fabric import attach, detach
from routeserver.cli.iam import iam
from routeserver.cli.lab import lab
from routeserver.cli.peer import peer
from routeserver.cli.purge import purge
from routeserver.cli.recording import record, replay_record
from routeserver.cli.serve import serve
from routeserver.cli.show import show
from routeserver.cli.what_if import what_if
from routeserver.settings.load import SettingsError
from routeserver.store import StoreError

USER_ERROR: Final = 2
INTERRUPTED: Final = 130
_NO_SPACE: Final = {errno.ENOSPC, errno.EDQUOT}

cli = typer.Typer(
    name="routeserver",
    help="An open VPC Route Server: the EC2 API in front of a real BGP and BFD speaker.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"routeserver {routeserver.__version__}")
        raise typer.Exit


@cli.callback()
def _common(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print and exit."),
    ] = False,
) -> None:
    pass


cli.command("serve")(serve)
cli.command("config")(config)
cli.command("env")(env)
cli.command("appliance")(appliance)
cli.command("attach")(attach)
cli.command("detach")(detach)
cli.add_typer(show, name="show")
cli.add_typer(peer, name="peer")
cli.add_typer(iam, name="iam")
cli.add_typer(lab, name="lab")
cli.add_typer(account, name="account")
cli.command("purge")(purge)
cli.command("what-if")(what_if)
cli.command("record")(record)
cli.command("replay")(replay_record)


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script."""
    sys.exit(status_of(sys.argv[1:] if arguments is None else arguments))


def status_of(arguments: Sequence[str]) -> int:
    """Run a command; its exit status."""
    try:
        status = cli(list(arguments) or ["--help"], prog_name="routeserver", standalone_mode=False)
        if sys.stdout is not None:  # closed by whoever started us
            sys.stdout.flush()
    except (SettingsError, StartError, StoreError) as error:
        return _fail(str(error))
    except TyperException as error:
        return _fail(
            f"{_lowered(error.format_message())}; try routeserver {_command(arguments)}--help"
        )
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python must not flush to them at exit.
        sys.stdout = None
        return 0
    except OSError as error:
        if error.errno not in _NO_SPACE:
            raise
        sys.stdout = None
        return _fail("cannot write the output: the disk is full; free some space")
    except (Abort, KeyboardInterrupt):
        return INTERRUPTED
    return int(status or 0)


def _fail(sentence: str) -> int:
    print(f"routeserver: {' '.join(sentence.split())}", file=sys.stderr)  # noqa: T201 - the answer
    return USER_ERROR


def _lowered(message: str) -> str:
    message = message.strip().rstrip(".")
    return message[:1].lower() + message[1:]


def _command(arguments: Sequence[str]) -> str:
    """The command meant, with a space behind it, when there is such a command."""
    known = {command.name for command in cli.registered_commands}
    groups = {group.name: group.typer_instance for group in cli.registered_groups}
    named = [argument for argument in arguments if not argument.startswith("-")]
    if not named or named[0] not in known | groups.keys():
        return next((f"{argument} " for argument in arguments if argument in known), "")
    group = groups.get(named[0])
    inner = set() if group is None else {command.name for command in group.registered_commands}
    return " ".join([*named[:1], *(name for name in named[1:2] if name in inner), ""])
