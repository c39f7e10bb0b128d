"""``routeserver account``: the accounts of the running server, and the keys of their roots."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from routeserver.cli import flags, printing
from routeserver.cli.operator_client import Operator

account: Final = typer.Typer(
    no_args_is_help=True, help="Accounts: each with resources, users and a root of its own."
)

Id = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account's twelve digits.")]
KeyId = Annotated[str, typer.Argument(metavar="KEY_ID")]


@account.command("create")
def create(
    as_json: flags.Json = False, data_dir: flags.DataDir = None, config: flags.Config = None
) -> None:
    """Make an account and print its root's access key as shell lines: the secret is shown once."""
    _print_key(Operator.of(data_dir, config).ask("account-create"), as_json)


@account.command("list")
def list_(
    as_json: flags.Json = False, data_dir: flags.DataDir = None, config: flags.Config = None
) -> None:
    """Every account, when it was made, and the ids of its root's keys."""
    answer = Operator.of(data_dir, config).ask("account-list")
    if as_json:
        printing.as_json(answer)
        return
    for each in answer["accounts"]:
        made = (
            "with the server" if each["created_at"] is None else printing.moment(each["created_at"])
        )
        typer.echo(f"{each['account']}  {made}  {' '.join(each['root_keys'])}")


@account.command("new-key")
def new_key(
    account_id: Id,
    as_json: flags.Json = False,
    data_dir: flags.DataDir = None,
    config: flags.Config = None,
) -> None:
    """Make another key for an account's root: the old one is lost, or known to others."""
    _print_key(Operator.of(data_dir, config).ask("account-new-key", account=account_id), as_json)


@account.command("delete-key")
def delete_key(key_id: KeyId, data_dir: flags.DataDir = None, config: flags.Config = None) -> None:
    """Take a key away from an account's root; it is refused from then on."""
    Operator.of(data_dir, config).ask("account-delete-key", key=key_id)


def _print_key(answer: Any, as_json: bool) -> None:
    if as_json:
        printing.as_json(answer)
        return
    typer.echo(f"# account {answer['account']}")
    typer.echo(f"export AWS_ACCESS_KEY_ID={answer['key']}")
    typer.echo(f"export AWS_SECRET_ACCESS_KEY={answer['secret']}")
