"""``routeserver iam``: users, keys, policies and roles, by the IAM API of the running server.

A convenience: ``aws iam`` and Terraform do the same with ``routeserver env``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from routeserver.app.errors import StartError
from routeserver.cli import flags
from routeserver.cli.api_client import ApiClient
from routeserver.cli.operator_client import Operator
from routeserver.ec2.iam_policy import Kind, PolicyError, parse

iam: Final = typer.Typer(no_args_is_help=True, help="Who may call the API, and what they may do.")
user: Final = typer.Typer(no_args_is_help=True, help="Users.")
key: Final = typer.Typer(no_args_is_help=True, help="Access keys of users.")
policy: Final = typer.Typer(no_args_is_help=True, help="What users and roles may do.")
role: Final = typer.Typer(no_args_is_help=True, help="Roles that users assume.")
for _name, _group in (("user", user), ("key", key), ("policy", policy), ("role", role)):
    iam.add_typer(_group, name=_name)

Name = Annotated[str, typer.Argument(metavar="NAME")]
User = Annotated[str, typer.Argument(metavar="USER")]
KeyId = Annotated[str, typer.Argument(metavar="KEY_ID")]
PolicyName = Annotated[str, typer.Argument(metavar="POLICY")]
Document = Annotated[Path, typer.Argument(metavar="FILE", help="A policy document in JSON.")]
Account = Annotated[
    str | None,
    typer.Option(
        metavar="ACCOUNT",
        help="Of this account, by a key of its root that is made for it and deleted. "
        "[default: the first one]",
    ),
]
OfRole = Annotated[bool, typer.Option("--role", help="NAME is a role, not a user.")]


@contextmanager
def _client(data_dir: str | None, account: str | None) -> Iterator[ApiClient]:
    """A key of another account's root is there for one command: nobody but its owner has one that
    stays, and whoever may ask for this one may do anything to that account. Raises StartError."""
    folder = flags.effective(data_dir=data_dir).settings.data_dir
    if account is None:
        yield ApiClient(folder, "iam")
        return
    operator = Operator(folder)
    made = operator.ask("account-new-key", account=account)
    try:
        yield ApiClient(folder, "iam", (made["key"], made["secret"]))
    finally:
        operator.ask("account-delete-key", key=made["key"])


def _document(path: Path, kind: Kind) -> str:
    try:
        text = path.read_text()
        parse(text, kind)
    except OSError as error:
        raise StartError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    except (PolicyError, UnicodeDecodeError) as error:
        raise StartError(f"{path} is no policy document: {error}") from error
    return text


def _holder(name: str, of_role: bool) -> tuple[str, dict[str, str]]:
    return ("Role", {"RoleName": name}) if of_role else ("User", {"UserName": name})


# --- users ----------------------------------------------------------------------------------------


@user.command("create")
def create_user(name: Name, account: Account = None, data_dir: flags.DataDir = None) -> None:
    """Make a user; it may do nothing until it has a policy."""
    with _client(data_dir, account) as api:
        typer.echo(api("CreateUser", {"UserName": name}).findtext(".//Arn"))


@user.command("list")
def list_users(account: Account = None, data_dir: flags.DataDir = None) -> None:
    """Every user's ARN."""
    with _client(data_dir, account) as api:
        for found in api("ListUsers", {"MaxItems": "1000"}).iter("Arn"):
            typer.echo(found.text)


@user.command("delete")
def delete_user(
    name: Name,
    force: Annotated[
        bool, typer.Option("--force", help="With its keys, policies and memberships.")
    ] = False,
    account: Account = None,
    data_dir: flags.DataDir = None,
) -> None:
    """Delete a user."""
    with _client(data_dir, account) as api:
        who = {"UserName": name}
        if force:
            for found in api("ListAccessKeys", who).iter("AccessKeyId"):
                api("DeleteAccessKey", {**who, "AccessKeyId": found.text or ""})
            for found in api("ListAttachedUserPolicies", who).iter("PolicyArn"):
                api("DetachUserPolicy", {**who, "PolicyArn": found.text or ""})
            for found in api("ListUserPolicies", who).iter("member"):
                api("DeleteUserPolicy", {**who, "PolicyName": found.text or ""})
            for found in api("ListGroupsForUser", who).iter("GroupName"):
                api("RemoveUserFromGroup", {**who, "GroupName": found.text or ""})
        api("DeleteUser", who)


# --- keys -----------------------------------------------------------------------------------------


@key.command("create")
def create_key(name: User, account: Account = None, data_dir: flags.DataDir = None) -> None:
    """Make an access key and print it as shell lines: its secret is shown this once."""
    with _client(data_dir, account) as api:
        made = api("CreateAccessKey", {"UserName": name})
        typer.echo(f"export AWS_ACCESS_KEY_ID={made.findtext('.//AccessKeyId')}")
        typer.echo(f"export AWS_SECRET_ACCESS_KEY={made.findtext('.//SecretAccessKey')}")


@key.command("list")
def list_keys(name: User, account: Account = None, data_dir: flags.DataDir = None) -> None:
    """A user's keys and whether they are active."""
    with _client(data_dir, account) as api:
        found = api("ListAccessKeys", {"UserName": name})
    for each in found.iter("member"):
        typer.echo(f"{each.findtext('AccessKeyId')} {each.findtext('Status')}")


@key.command("disable")
def disable_key(
    name: User, key_id: KeyId, account: Account = None, data_dir: flags.DataDir = None
) -> None:
    """Refuse a key until it is enabled again."""
    _set_status(name, key_id, "Inactive", data_dir, account)


@key.command("enable")
def enable_key(
    name: User, key_id: KeyId, account: Account = None, data_dir: flags.DataDir = None
) -> None:
    """Accept a key again."""
    _set_status(name, key_id, "Active", data_dir, account)


def _set_status(
    name: str, key_id: str, status: str, data_dir: str | None, account: str | None
) -> None:
    params = {"UserName": name, "AccessKeyId": key_id, "Status": status}
    with _client(data_dir, account) as api:
        api("UpdateAccessKey", params)


@key.command("delete")
def delete_key(
    name: User, key_id: KeyId, account: Account = None, data_dir: flags.DataDir = None
) -> None:
    """Delete a key."""
    with _client(data_dir, account) as api:
        api("DeleteAccessKey", {"UserName": name, "AccessKeyId": key_id})


# --- policies -------------------------------------------------------------------------------------


@policy.command("put")
def put_policy(
    name: Name,
    policy_name: PolicyName,
    file: Document,
    of_role: OfRole = False,
    *,
    account: Account = None,
    data_dir: flags.DataDir = None,
) -> None:
    """Give a user or role a policy of its own, or replace it."""
    noun, who = _holder(name, of_role)
    text = _document(file, Kind.IDENTITY)
    params = {**who, "PolicyName": policy_name, "PolicyDocument": text}
    with _client(data_dir, account) as api:
        api(f"Put{noun}Policy", params)


@policy.command("list")
def list_policies(
    name: Name, of_role: OfRole = False, account: Account = None, data_dir: flags.DataDir = None
) -> None:
    """The policies of a user or role: its own by name, attached ones by ARN."""
    with _client(data_dir, account) as api:
        noun, who = _holder(name, of_role)
        for found in api(f"List{noun}Policies", who).iter("member"):
            typer.echo(found.text)
        for found in api(f"ListAttached{noun}Policies", who).iter("PolicyArn"):
            typer.echo(found.text)


@policy.command("delete")
def delete_policy(
    name: Name,
    policy_name: PolicyName,
    of_role: OfRole = False,
    account: Account = None,
    data_dir: flags.DataDir = None,
) -> None:
    """Take a policy of its own away from a user or role."""
    noun, who = _holder(name, of_role)
    with _client(data_dir, account) as api:
        api(f"Delete{noun}Policy", {**who, "PolicyName": policy_name})


@policy.command("attach")
def attach_policy(
    name: Name,
    arn: Annotated[str, typer.Argument(metavar="ARN")],
    of_role: OfRole = False,
    account: Account = None,
    data_dir: flags.DataDir = None,
) -> None:
    """Attach a managed policy, for example arn:aws:iam::aws:policy/AdministratorAccess."""
    noun, who = _holder(name, of_role)
    with _client(data_dir, account) as api:
        api(f"Attach{noun}Policy", {**who, "PolicyArn": arn})


@policy.command("detach")
def detach_policy(
    name: Name,
    arn: Annotated[str, typer.Argument(metavar="ARN")],
    of_role: OfRole = False,
    account: Account = None,
    data_dir: flags.DataDir = None,
) -> None:
    """Detach a managed policy."""
    noun, who = _holder(name, of_role)
    with _client(data_dir, account) as api:
        api(f"Detach{noun}Policy", {**who, "PolicyArn": arn})


@policy.command("check")
def check_policy(file: Document) -> None:
    """Say whether a file is a policy document that the server takes."""
    _document(file, Kind.IDENTITY)
    typer.echo(f"{file} is a policy document")


# --- roles ----------------------------------------------------------------------------------------


@role.command("create")
def create_role(
    name: Name,
    trust: Annotated[Path, typer.Argument(metavar="FILE", help="Who may assume it, in JSON.")],
    account: Account = None,
    data_dir: flags.DataDir = None,
) -> None:
    """Make a role."""
    text = _document(trust, Kind.TRUST)
    params = {"RoleName": name, "AssumeRolePolicyDocument": text}
    with _client(data_dir, account) as api:
        typer.echo(api("CreateRole", params).findtext(".//Arn"))


@role.command("list")
def list_roles(account: Account = None, data_dir: flags.DataDir = None) -> None:
    """Every role's ARN."""
    with _client(data_dir, account) as api:
        for found in api("ListRoles", {"MaxItems": "1000"}).iter("Arn"):
            typer.echo(found.text)


@role.command("delete")
def delete_role(name: Name, account: Account = None, data_dir: flags.DataDir = None) -> None:
    """Delete a role; its policies must be gone."""
    with _client(data_dir, account) as api:
        api("DeleteRole", {"RoleName": name})
