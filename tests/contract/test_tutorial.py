"""docs/tutorial.md as it stands: its commands, in its order, by the shell and the AWS CLI."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import COMMAND, Server

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"


def commands() -> str:
    """What stands behind the prompts; a line without one continues the command before it."""
    blocks = re.findall(r"^```console\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return "".join(re.sub(r"^\$ ", "", block, flags=re.MULTILINE) for block in blocks)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    running = Server(tmp_path, bgp_port=20199, bfd_port=23799)
    running.start()
    yield running
    running.stop()


def test_the_tutorial_runs_from_its_first_line_to_its_last(server: Server) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    run = subprocess.run(
        ["bash", "-e", "-u", "-o", "pipefail"],
        input=commands() + "\necho the end\n",
        env={
            **kept,
            "PATH": f"{Path(COMMAND).parent}{os.pathsep}{os.environ['PATH']}",
            "ROUTESERVER_DATA_DIR": str(server.data_dir),
            "BGP_PORT": str(server.bgp_port),
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_PAGER": "",
        },
        cwd=server.data_dir,
        capture_output=True,
        text=True,
        # Some eighty starts of the AWS CLI; past this something hangs.
        timeout=600,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert run.stdout.rstrip().endswith("the end")
    ec2 = server.client()
    for left in (
        ec2.describe_vpcs()["Vpcs"],
        ec2.describe_network_interfaces()["NetworkInterfaces"],
    ):
        assert left == []
