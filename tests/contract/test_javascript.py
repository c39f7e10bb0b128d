"""The JavaScript SDK v3, unmodified: its own tests, by Node.js's own runner, against a live server.

What is tested stands in `javascript/*.test.js`; every file is one test here. `scripts/testbed`
installs what they need.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.daemons import cannot, require
from tests.running import COMMAND, Server

FOLDER = Path(__file__).parent / "javascript"
FILES = sorted(path.name for path in FOLDER.glob("*.test.js"))
OLDEST_NODE = 18


@pytest.fixture(scope="module")
def node() -> str:
    """The path of a Node.js that can run the SDK, which is installed."""
    path = require("node", "nodejs")
    version = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.strip().removeprefix("v").partition(".")[0]) < OLDEST_NODE:
        cannot(f"Node.js {version.strip()} is older than {OLDEST_NODE}, which the SDK needs")
    if not (FOLDER / "node_modules" / "@aws-sdk" / "client-ec2").is_dir():
        cannot("the JavaScript SDK is not installed (needs npm: scripts/testbed)")
    return path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("javascript"), bgp_port=20198, bfd_port=23798)
    running.start()
    yield running
    running.stop()


def environment(server: Server) -> dict[str, str]:
    """What `routeserver env` would print, for a program that knows nothing else of the server."""
    key = json.loads((server.data_dir / "root-key.json").read_text())
    found = json.loads((server.data_dir / "server.json").read_text())
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {
        **kept,
        "AWS_ACCESS_KEY_ID": key["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": key["secret_access_key"],
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": found["endpoint_url"],
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "ROUTESERVER_COMMAND": COMMAND,
        "ROUTESERVER_BGP_PORT": str(server.bgp_port),
    }


def test_there_is_something_to_run() -> None:
    assert FILES == ["access.test.js", "answers.test.js", "life.test.js"]


@pytest.mark.parametrize("name", FILES)
def test_the_sdk_cannot_tell_the_difference(name: str, node: str, server: Server) -> None:
    # Past a minute something hangs; a loaded machine needs some seconds.
    run = subprocess.run(
        [node, "--test", "--test-reporter=tap", name],
        cwd=FOLDER,
        env=environment(server),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(r"^# pass [1-9]", run.stdout, re.MULTILINE), run.stdout
