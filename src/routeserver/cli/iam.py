"""``routeserver iam``: users, keys, policies and roles, by the IAM API of the running server.

A convenience: ``aws iam`` and Terraform do the same with ``routeserver env``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from routeserver.app.errors import StartError
from routeserver.cli import flags
from routeserver.cli.api_client import ApiClient
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
OfRole = Annotated[bool, typer.Option("--role", help="NAME is a role, not a user.")]


def _client(data_dir: str | None) -> ApiClient:
    return ApiClient(flags.effective(data_dir=data_dir).settings.data_dir, "iam")


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
def create_user(name: Name, data_dir: flags.DataDir = None) -> None:
    """Make a user; it may do nothing until it has a policy."""
    typer.echo(_client(data_dir)("CreateUser", {"UserName": name}).findtext(".//Arn"))


@user.command("list")
def list_users(data_dir: flags.DataDir = None) -> None:
    """Every user's ARN."""
    for found in _client(data_dir)("ListUsers", {"MaxItems": "1000"}).iter("Arn"):
        typer.echo(found.text)


@user.command("delete")
def delete_user(
    name: Name,
    force: Annotated[
        bool, typer.Option("--force", help="With its keys, policies and memberships.")
    ] = False,
    data_dir: flags.DataDir = None,
) -> None:
    """Delete a user."""
    api = _client(data_dir)
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
def create_key(name: User, data_dir: flags.DataDir = None) -> None:
    """Make an access key and print it as shell lines: its secret is shown this once."""
    made = _client(data_dir)("CreateAccessKey", {"UserName": name})
    typer.echo(f"export AWS_ACCESS_KEY_ID={made.findtext('.//AccessKeyId')}")
    typer.echo(f"export AWS_SECRET_ACCESS_KEY={made.findtext('.//SecretAccessKey')}")


@key.command("list")
def list_keys(name: User, data_dir: flags.DataDir = None) -> None:
    """A user's keys and whether they are active."""
    found = _client(data_dir)("ListAccessKeys", {"UserName": name})
    for each in found.iter("member"):
        typer.echo(f"{each.findtext('AccessKeyId')} {each.findtext('Status')}")


@key.command("disable")
def disable_key(name: User, key_id: KeyId, data_dir: flags.DataDir = None) -> None:
    """Refuse a key until it is enabled again."""
    _set_status(name, key_id, "Inactive", data_dir)


@key.command("enable")
def enable_key(name: User, key_id: KeyId, data_dir: flags.DataDir = None) -> None:
    """Accept a key again."""
    _set_status(name, key_id, "Active", data_dir)


def _set_status(name: str, key_id: str, status: str, data_dir: str | None) -> None:
    params = {"UserName": name, "AccessKeyId": key_id, "Status": status}
    _client(data_dir)("UpdateAccessKey", params)


@key.command("delete")
def delete_key(name: User, key_id: KeyId, data_dir: flags.DataDir = None) -> None:
    """Delete a key."""
    _client(data_dir)("DeleteAccessKey", {"UserName": name, "AccessKeyId": key_id})


# --- policies -------------------------------------------------------------------------------------


@policy.command("put")
def put_policy(
    name: Name,
    policy_name: PolicyName,
    file: Document,
    of_role: OfRole = False,
    data_dir: flags.DataDir = None,
) -> None:
    """Give a user or role a policy of its own, or replace it."""
    noun, who = _holder(name, of_role)
    text = _document(file, Kind.IDENTITY)
    params = {**who, "PolicyName": policy_name, "PolicyDocument": text}
    _client(data_dir)(f"Put{noun}Policy", params)


@policy.command("list")
def list_policies(name: Name, of_role: OfRole = False, data_dir: flags.DataDir = None) -> None:
    """The policies of a user or role: its own by name, attached ones by ARN."""
    api = _client(data_dir)
    noun, who = _holder(name, of_role)
    for found in api(f"List{noun}Policies", who).iter("member"):
        typer.echo(found.text)
    for found in api(f"ListAttached{noun}Policies", who).iter("PolicyArn"):
        typer.echo(found.text)


@policy.command("delete")
def delete_policy(
    name: Name, policy_name: PolicyName, of_role: OfRole = False, data_dir: flags.DataDir = None
) -> None:
    """Take a policy of its own away from a user or role."""
    noun, who = _holder(name, of_role)
    _client(data_dir)(f"Delete{noun}Policy", {**who, "PolicyName": policy_name})


@policy.command("attach")
def attach_policy(
    name: Name,
    arn: Annotated[str, typer.Argument(metavar="ARN")],
    of_role: OfRole = False,
    data_dir: flags.DataDir = None,
) -> None:
    """Attach a managed policy, for example arn:aws:iam::aws:policy/AdministratorAccess."""
    noun, who = _holder(name, of_role)
    _client(data_dir)(f"Attach{noun}Policy", {**who, "PolicyArn": arn})


@policy.command("detach")
def detach_policy(
    name: Name,
    arn: Annotated[str, typer.Argument(metavar="ARN")],
    of_role: OfRole = False,
    data_dir: flags.DataDir = None,
) -> None:
    """Detach a managed policy."""
    noun, who = _holder(name, of_role)
    _client(data_dir)(f"Detach{noun}Policy", {**who, "PolicyArn": arn})


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
    data_dir: flags.DataDir = None,
) -> None:
    """Make a role."""
    text = _document(trust, Kind.TRUST)
    params = {"RoleName": name, "AssumeRolePolicyDocument": text}
    typer.echo(_client(data_dir)("CreateRole", params).findtext(".//Arn"))


@role.command("list")
def list_roles(data_dir: flags.DataDir = None) -> None:
    """Every role's ARN."""
    for found in _client(data_dir)("ListRoles", {"MaxItems": "1000"}).iter("Arn"):
        typer.echo(found.text)


@role.command("delete")
def delete_role(name: Name, data_dir: flags.DataDir = None) -> None:
    """Delete a role; its policies must be gone."""
    _client(data_dir)("DeleteRole", {"RoleName": name})
