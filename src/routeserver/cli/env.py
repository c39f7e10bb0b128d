"""``routeserver env``: the shell lines that point any AWS client at the server."""

from __future__ import annotations

import shlex

import typer

from routeserver.app.data_dir import read_root_key, read_server_info
from routeserver.app.errors import StartError
from routeserver.cli import flags


def env(data_dir: flags.DataDir = None, config: flags.Config = None) -> None:
    """Print shell lines for AWS clients: eval "$(routeserver env)"."""
    path = flags.effective(data_dir=data_dir, config=config).settings.data_dir
    key = read_root_key(path)
    info = read_server_info(path)
    if key is None or info is None:
        raise StartError(
            f"no server has been started on {path}; "
            "start one with routeserver serve, or name its directory with --data-dir"
        )
    for name, value in (
        ("AWS_ENDPOINT_URL", info.endpoint_url),
        ("AWS_ACCESS_KEY_ID", key.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", key.secret_access_key),
        ("AWS_DEFAULT_REGION", info.region),
        ("AWS_REGION", info.region),
    ):
        typer.echo(f"export {name}={shlex.quote(value)}")
    typer.echo("unset AWS_SESSION_TOKEN AWS_PROFILE")
