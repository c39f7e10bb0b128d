"""What the processes may, read from the kernel, of a real server that root started; and what a
server says that nobody privileged started."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

import routeserver
from tests.namespaces import need_root
from tests.running import COMMAND, Server, eventually

BGP_PORT: Final = 179
BFD_PORT: Final = 23_984

NOTHING: Final = {
    "CapInh": "0" * 16,
    "CapPrm": "0" * 16,
    "CapEff": "0" * 16,
    "CapBnd": "0" * 16,
    "CapAmb": "0" * 16,
    "NoNewPrivs": "1",
    "Groups": "",
}


def status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def uids(pid: int) -> set[int]:
    return {int(uid) for uid in status(pid)["Uid"].split()}


def events(server: Server, name: str) -> list[dict[str, Any]]:
    lines = (server.data_dir / "stderr.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines if line.startswith("{")]
    return [one for one in found if one["event"] == name]


def last(server: Server, name: str) -> dict[str, Any]:
    """The last event of this name, awaited: it may come after the first sign of life."""
    return eventually(name, lambda: events(server, name), bool)[-1]


def operator(server: Server, *arguments: str) -> str:
    return subprocess.run(
        [COMMAND, *arguments, f"--data-dir={server.data_dir}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    need_root()
    # Below directories that only root may pass, as root's home and the tests' are.
    made = Server(tmp_path / "private" / "data", BGP_PORT, BFD_PORT, bfd_linger_s=20)
    made.data_dir.mkdir(parents=True, mode=0o700)
    made.data_dir.parent.chmod(0o700)
    yield made
    if made.process is not None:
        made.stop()


def pids(server: Server) -> tuple[int, int, int]:
    assert server.process is not None
    eventually("BFD", lambda: events(server, "privilege"), bool)
    daemon = [*events(server, "bfd_daemon_ready"), *events(server, "bfd_daemon_adopted")][-1]
    return server.process.pid, daemon["pid"], last(server, "privilege")["helper"]


def test_what_hears_the_network_may_nothing(server: Server) -> None:
    server.start()
    main, bfd, helper = pids(server)
    for pid in (main, bfd):
        said = status(pid)
        assert {name: said[name] for name in NOTHING} == NOTHING
        assert 0 not in uids(pid)
        assert len(uids(pid)) == 1
    assert uids(helper) == {0}
    assert status(helper)["NoNewPrivs"] == "1"
    told = last(server, "privilege")
    assert told["capabilities"] == "none"
    assert told["lacking"] == []
    assert last(server, "listening")["bgp_port"] == 179
    # Root's tools are root's, and its files are the server's own.
    assert json.loads(operator(server, "show", "peers", "--json"))["peers"] == []
    assert "AWS_ACCESS_KEY_ID" in operator(server, "env")
    owners = {path.stat().st_uid for path in server.data_dir.iterdir() if path.suffix != ".jsonl"}
    assert owners == uids(main)
    assert (server.data_dir / "root-key.json").stat().st_mode & 0o777 == 0o600


def test_an_endpoint_listens_on_179(server: Server) -> None:
    server.start()
    ec2 = server.client()
    vpc = ec2.create_vpc(CidrBlock="127.91.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="127.91.1.0/24")["Subnet"]["SubnetId"]
    rs = ec2.create_route_server(AmazonSideAsn=65000)["RouteServer"]["RouteServerId"]
    eventually(
        "the route server",
        lambda: ec2.describe_route_servers()["RouteServers"][0]["State"],
        lambda state: state == "available",
    )
    ec2.associate_route_server(RouteServerId=rs, VpcId=vpc)
    eventually(
        "the association",
        lambda: ec2.get_route_server_associations(RouteServerId=rs)["RouteServerAssociations"],
        lambda found: found[0]["State"] == "associated",
    )
    ec2.create_route_server_endpoint(RouteServerId=rs, SubnetId=subnet)
    (endpoint,) = eventually(
        "the endpoint",
        lambda: ec2.describe_route_server_endpoints()["RouteServerEndpoints"],
        lambda found: found[0]["State"] == "available",
    )
    with socket.create_connection((endpoint["EniAddress"], 179), timeout=10):
        pass


def test_a_restart_finds_everything_that_it_may_use(server: Server) -> None:
    server.start()
    _, bfd, helper = pids(server)
    key = (server.data_dir / "root-key.json").read_bytes()
    instance = (server.data_dir / "instance.json").read_bytes()
    server.stop(signal.SIGKILL)
    eventually(
        "the helper's end", lambda: Path(f"/proc/{helper}").exists(), lambda there: not there
    )
    server.start()
    _, again, _ = pids(server)
    assert again == bfd, "the BFD daemon was not taken over"
    assert (server.data_dir / "root-key.json").read_bytes() == key
    assert (server.data_dir / "instance.json").read_bytes() == instance
    assert server.stop() == 0


def test_without_its_helper_the_server_ends_and_bfd_goes_on(server: Server) -> None:
    server.start()
    _, bfd, helper = pids(server)
    process = server.process
    assert process is not None
    os.kill(helper, signal.SIGKILL)
    assert process.wait(15) == 2
    server.process = None
    assert last(server, "helper_gone")["pid"] == helper
    text = (server.data_dir / "stderr.jsonl").read_text()
    assert "the privileged helper has ended; start the server again" in text
    assert Path(f"/proc/{bfd}").exists()
    server.start()
    assert pids(server)[1] == bfd


def test_the_helper_ends_with_the_server(server: Server) -> None:
    server.start()
    _, _, helper = pids(server)
    assert server.stop() == 0
    assert not Path(f"/proc/{helper}").exists()


def test_root_stays_root_where_it_is_told_to_and_the_log_warns(server: Server) -> None:
    (server.data_dir / "routeserver.toml").write_text('run_as = "root"\n')
    server.start()
    assert uids(pids(server)[0]) == {0}
    assert last(server, "privilege")["level"] == "warning"
    # And back: the BFD daemon that root's server leaves is no use to nobody's.
    server.stop(signal.SIGKILL)
    (server.data_dir / "routeserver.toml").unlink()
    server.start()
    main, bfd, _ = pids(server)
    assert 0 not in uids(main) | uids(bfd)


def refusal(*arguments: str) -> str:
    found = subprocess.run(
        [COMMAND, "serve", "--listen=127.0.0.1:0", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert found.returncode == 2, found.stderr
    assert found.stderr.count("\n") == 1, found.stderr
    return found.stderr


def test_the_settings_of_the_user_do_not_say_whether_it_is_root(server: Server) -> None:
    file = server.data_dir / "routeserver.toml"
    file.write_text('run_as = "root"\n')
    os.chown(file, 65534, 65534)
    assert "others than root may write" in refusal(f"--data-dir={server.data_dir}")
    file.write_text("hold_time_s = 40\n")
    server.start()
    assert 0 not in uids(pids(server)[0])
    assert file.stat().st_uid == 65534


@pytest.mark.parametrize("path", ["/etc", "/", "/usr"])
def test_no_directory_of_the_machine_is_given_away(path: str) -> None:
    need_root()
    assert "is no data directory" in refusal(f"--data-dir={path}")
    assert Path(path).stat().st_uid == 0
    assert not Path(path, "lock").exists()


def test_a_user_that_is_none_is_refused(tmp_path: Path) -> None:
    need_root()
    os.environ["ROUTESERVER_RUN_AS"] = "nosuchuser"
    try:
        said = refusal(f"--data-dir={tmp_path}")
    finally:
        del os.environ["ROUTESERVER_RUN_AS"]
    assert "there is no user 'nosuchuser'; make it, or name another as run_as" in said


AS_NOBODY = """
import os, sys
from pathlib import Path
from routeserver.netd.drop import Need, give_up, identity_of
data, package, command, *arguments = sys.argv[1:]
code = [Need(Path(path)) for path in {sys.base_prefix, sys.prefix, package}]
give_up(identity_of("nobody"), [Need(Path(data), is_written=True, is_given=True), *code])
os.execv(command, [command, *arguments])
"""


def test_without_root_the_server_runs_and_says_what_is_missing(tmp_path: Path) -> None:
    need_root()
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    package = str(Path(routeserver.__file__).parents[1])
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", AS_NOBODY, str(data), package, COMMAND, "serve"),
            *(f"--data-dir={data}", "--listen=127.0.0.1:0"),
        ],
        stderr=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "ROUTESERVER_BFD_PORT": str(BFD_PORT + 1),
            "ROUTESERVER_BFD_LINGER_S": "0",
        },
    )
    try:
        assert process.stderr is not None
        said: dict[str, Any] = {}
        for line in process.stderr:
            assert line.startswith("{"), line
            event = json.loads(line)
            said[event["event"]] = event
            if {"privilege", "listening"} <= said.keys():
                break
        assert said["privilege"]["helper"] is None
        assert said["privilege"]["lacking"] == [
            "fabric netns",
            "fabric host",
            "ports below 1024 (BGP on 179)",
        ]
        assert said["listening"]["bgp_port"] == 1790
        assert status(process.pid)["NoNewPrivs"] == "1"
    finally:
        process.terminate()
        process.communicate(timeout=15)


def test_in_a_user_namespace_the_server_gives_up_what_it_has_there(tmp_path: Path) -> None:
    need_root()
    process = subprocess.Popen(
        [
            *("unshare", "--user", "--net", "--mount", "--map-root-user", COMMAND, "serve"),
            *(f"--data-dir={tmp_path / 'data'}", "--listen=127.0.0.1:0"),
        ],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "ROUTESERVER_BFD_LINGER_S": "0"},
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            assert line.startswith("{"), line
            event = json.loads(line)
            if event["event"] == "privilege":
                break
        assert event["capabilities"] == "none"
        assert event["lacking"] == []
        said = status(process.pid)
        assert {name: said[name] for name in NOTHING if name != "Groups"} == {
            name: value for name, value in NOTHING.items() if name != "Groups"
        }
    finally:
        process.terminate()
        process.communicate(timeout=15)
