"""The operator's commands against a real server: looking, asking what if, setting, recording."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from routeserver.cli.main import status_of
from tests.interop.site import Site
from tests.running import COMMAND, Server, eventually

A, B = "127.42.1.10", "127.42.1.11"
BGP_PORT, BFD_PORT = 20196, 23796


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    path = tmp_path_factory.mktemp("operator")
    (path / "peers.toml").write_text("[default]\nstale_time_s = 77\n")
    (path / "routeserver.toml").write_text(f'peers_file = "{path}/peers.toml"\n')
    running = Server(path, BGP_PORT, BFD_PORT, arguments=("--profile=open",))
    running.start()
    yield running
    if running.process is not None:
        running.stop()


@pytest.fixture(scope="module")
def site(server: Server) -> Site:
    return Site.build(server, "127.42")


@pytest.fixture(scope="module")
def peers(site: Site) -> Iterator[dict[str, str]]:
    """Two appliances, up, with one prefix in common; A's path is the better one."""
    ids = {address: site.add_appliance(address, 65_001) for address in (A, B)}
    started = [
        appliance(site, A, "--announce=10.1.0.0/16", "--announce=10.2.0.0/16"),
        appliance(site, B, "--announce=10.1.0.0/16", "--med=50"),
    ]
    for peer_id in ids.values():
        site.wait_up(peer_id)
    eventually("routes", site.routes, lambda routes: len(routes) == 3)
    yield ids
    for process in started:
        process.terminate()
        process.wait(60)


def appliance(site: Site, address: str, *options: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            COMMAND,
            "appliance",
            f"--local={address}",
            f"--peer={site.endpoint_address}:{BGP_PORT}",
            "--asn=65001",
            "--peer-asn=65000",
            *options,
        ],
        stderr=subprocess.DEVNULL,
    )


@dataclass(frozen=True)
class Found:
    returncode: int
    stdout: str
    stderr: str


def run(server: Server, *arguments: str) -> Found:
    """A command as the console script runs it, without the time that a process takes to start."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = status_of([*arguments, f"--data-dir={server.data_dir}"])
    return Found(status, out.getvalue(), err.getvalue())


def asked(server: Server, *arguments: str) -> Any:
    found = run(server, *arguments, "--json")
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


def said(server: Server, *arguments: str) -> str:
    found = run(server, *arguments)
    assert found.returncode == 0, found.stderr
    return found.stdout


def refused(server: Server, *arguments: str) -> str:
    found = run(server, *arguments)
    assert found.returncode == 2, found.stdout
    assert found.stderr.startswith("routeserver: ")
    assert found.stderr.count("\n") == 1
    assert "; " in found.stderr
    return found.stderr


def setting(server: Server, peer_id: str, key: str) -> Any:
    return asked(server, "peer", "show", peer_id)["settings"][key]["value"]


def test_why_a_path_won_and_where_the_other_lost(server: Server, peers: dict[str, str]) -> None:
    text = said(server, "show", "route", "10.1.2.3", "--why")
    assert f"▶ {peers[A]} via {A}" in text
    assert "lost at step 5, MED: 50 against 0 (missing)" in text
    assert "installed in rtb-" in text
    assert "best path last changed 20" in text
    [route] = asked(server, "show", "route", "10.1.0.0/16")["routes"]
    assert [path["peer"] for path in route["paths"]] == [peers[A], peers[B]]
    nothing = run(server, "show", "route", "192.0.2.1")
    assert (nothing.returncode, nothing.stderr) == (1, "")


def test_lists_of_routes_peers_and_the_fib(server: Server, peers: dict[str, str]) -> None:
    assert len(asked(server, "show", "route")["routes"]) == 3
    assert len(asked(server, "show", "fib")["routes"]) == 2
    assert len(asked(server, "show", "route", "10.0.0.0/8", "--longer")["routes"]) == 3
    first = asked(server, "show", "route", "--limit=1")
    assert f"--after '{first['next']}'" in said(server, "show", "route", "--limit=1")
    assert "10.2.0.0/16" in said(server, "show", "route", f"--peer={peers[A]}")
    lines = said(server, "show", "peers").splitlines()
    assert len(lines) == 3
    text = said(server, "show", "peer", peers[A])
    assert "FourOctetAsn(asn=65001)" in text
    assert "stale_time_s" in text


def test_what_if_says_it_and_touches_nothing(server: Server, peers: dict[str, str]) -> None:
    answer = asked(server, "what-if", f"--peer-down={peers[A]}")
    assert (answer["moved"], answer["lost"]) == (1, 1)
    text = said(server, "what-if", f"--peer-down={peers[A]}")
    assert "1 would move, 1 would be lost, 0 would stay" in text
    assert len(asked(server, "show", "fib")["routes"]) == 2


def test_an_import_rule_takes_effect_and_shows_its_reason(
    server: Server, peers: dict[str, str]
) -> None:
    rules = json.dumps(
        [{"name": "mine", "prefixes": ["10.1.0.0/16"], "action": "reject", "reason": "Not yours."}]
    )
    said(server, "peer", "set", peers[A], f"import_rules={rules}")

    def paths() -> dict[str, tuple[str, str]]:
        [route] = asked(server, "show", "route", "10.1.0.0/16")["routes"]
        return {path["peer"]: (path["state"], path.get("reason", "")) for path in route["paths"]}

    found = eventually("rejected", paths, lambda p: p[peers[B]][0] == "best")
    assert found[peers[A]][0] == "rejected"
    assert "mine" in found[peers[A]][1]
    assert "Not yours." in found[peers[A]][1]
    said(server, "peer", "unset", peers[A], "import_rules")
    eventually("accepted again", paths, lambda p: p[peers[A]][0] == "best")


def test_settings_survive_and_secrets_are_never_shown(
    server: Server, site: Site, tmp_path: Path
) -> None:
    peer_id = site.add_appliance("127.42.1.20", 65_001)
    secret = tmp_path / "secret"
    secret.write_text("hunter2\n")
    said(server, "peer", "set", peer_id, f"md5_password=@{secret}", "hold_time_s=9")
    shown = said(server, "peer", "show", peer_id)
    assert "hunter2" not in shown
    assert "********" in shown
    log = (server.data_dir / "stderr.jsonl").read_text()
    assert "hunter2" not in log
    site.ec2.delete_route_server_peer(RouteServerPeerId=peer_id)
    assert "there is no peer" in refused(server, "peer", "set", peer_id, "hold_time_s=9")


def test_the_peers_file_is_read_again_on_sighup_and_by_command(
    server: Server, peers: dict[str, str]
) -> None:
    file = server.data_dir / "peers.toml"
    assert setting(server, peers[A], "stale_time_s") == 77
    file.write_text("[default]\nstale_time_s = 78\n")
    assert server.process is not None
    server.process.send_signal(signal.SIGHUP)
    eventually("78", lambda: setting(server, peers[A], "stale_time_s"), lambda n: n == 78)
    file.write_text(f'[default]\nstale_time_s = 0\n["{A}"]\n')
    assert "peers.toml:2: [default] stale_time_s must" in refused(server, "peer", "reload")
    assert setting(server, peers[A], "stale_time_s") == 78
    file.write_text(f'["{A}"]\nstale_time_s = 79\n["10.9.9.9"]\n')
    assert "[10.9.9.9] matches no peer" in said(server, "peer", "reload")
    assert setting(server, peers[A], "stale_time_s") == 79


def test_a_record_of_a_session_replays_alike(
    server: Server, site: Site, peers: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "record.jsonl"
    address = "127.42.1.30"
    peer_id = site.add_appliance(address, 65_001)
    recording = subprocess.Popen(
        [COMMAND, "record", peer_id, f"--data-dir={server.data_dir}", f"--to={file}"]
    )
    live = tmp_path / "live.jsonl"  # of a session that is up already
    joined = subprocess.Popen(
        [COMMAND, "record", peers[B], f"--data-dir={server.data_dir}", f"--to={live}"]
    )
    eventually("joined", lambda: live.exists() and live.read_text(), bool)

    eventually(
        "listening",
        lambda: asked(server, "show", "peer", peer_id)["peer"]["recorded"],
        bool,
    )
    assert "is being recorded already" in refused(server, "record", peer_id)
    process = appliance(site, address, "--announce=10.7.0.0/16")
    site.wait_up(peer_id)
    eventually("route", file.read_text, lambda text: "RoutesReceived" in text)
    process.terminate()
    process.wait(60)
    eventually("end", file.read_text, lambda text: "SessionClosed" in text)
    for each in (recording, joined):
        each.send_signal(signal.SIGINT)
        assert each.wait(60) == 0
    for each_file, sessions in ((file, 1), (live, 1)):
        outcome = run_replay(each_file)
        assert outcome["difference"] is None
        assert outcome["sessions"] >= sessions
    changed = file.read_text().replace("Administrative Shutdown", "Something Else")
    file.write_text(changed)
    found = subprocess.run(
        [COMMAND, "replay", str(file)], capture_output=True, text=True, timeout=30, check=False
    )
    assert found.returncode == 1
    assert "different" in found.stdout
    assert "Something Else" in found.stdout


def run_replay(file: Path) -> Any:
    found = subprocess.run(
        [COMMAND, "replay", str(file), "--json"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    return json.loads(found.stdout)


def test_the_socket_is_the_owners_and_a_killed_server_is_told_from_none(
    tmp_path: Path,
) -> None:
    own = Server(tmp_path, BGP_PORT + 1, BFD_PORT + 1)
    assert f"no server runs on {tmp_path}; start one" in refused(own, "show", "peers")
    own.start()
    try:
        door = tmp_path / "operator.sock"
        assert stat.S_IMODE(door.stat().st_mode) == 0o600
        assert asked(own, "show", "peers")["peers"] == []
        if os.geteuid() == 0:
            nobody = subprocess.run(
                ["python3", "-c", CONNECT, str(door)],
                user=65534,
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
            assert "PermissionError" in nobody.stderr
        own.stop(signal.SIGKILL)
        assert "has ended without a word; start it again" in refused(own, "show", "peers")
        own.start()
        assert asked(own, "show", "peers")["peers"] == []
    finally:
        if own.process is not None:
            own.stop()
    assert not door.exists()


CONNECT = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"


def test_a_peers_file_that_is_wrong_keeps_the_server_from_starting(tmp_path: Path) -> None:
    (tmp_path / "peers.toml").write_text("[default]\n\nmd5_password = 'x'\n")
    found = subprocess.run(
        [COMMAND, "serve", f"--data-dir={tmp_path}", "--listen=127.0.0.1:0"],
        env={**os.environ, "ROUTESERVER_PEERS_FILE": str(tmp_path / "peers.toml")},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert found.returncode == 2
    assert "peers.toml:3: [default] md5_password must be left as it is in profile aws" in (
        found.stderr
    )
    assert found.stderr.count("\n") == 1
