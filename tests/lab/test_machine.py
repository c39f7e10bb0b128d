"""What the lab does to the machine, piece by piece, in namespaces made here."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from routeserver.lab import namespaces, probing, processes, silence
from routeserver.lab.errors import LabError
from tests.namespaces import Namespace, namespace, need_root
from tests.running import eventually


@pytest.fixture(autouse=True)
def root() -> None:
    need_root()


@pytest.fixture
def token() -> str:
    return secrets.token_hex(8)


SLEEPER = (sys.executable, "-c", "import time; print('awake', flush=True); time.sleep(600)")
STUBBORN = (
    sys.executable,
    "-c",
    """import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('awake', flush=True)
time.sleep(600)""",
)


def started(
    folder: Path,
    token: str,
    role: str,
    command: tuple[str, ...] = SLEEPER,
    inside: str | None = None,
) -> int:
    log = folder / f"{role.replace('/', '-')}.log"
    pid = processes.start(command, log, token, role, namespace=inside)
    eventually(f"{role} runs", log.read_text, lambda text: "awake" in text)
    return pid


# --- processes ------------------------------------------------------------------------------------


def test_processes_are_found_by_their_mark_and_role_and_ended(tmp_path: Path, token: str) -> None:
    first = started(tmp_path, token, "fw-a/bgpd")
    second = started(tmp_path, token, "fw-ab/bgpd")
    other = started(tmp_path, secrets.token_hex(8), "fw-a/bgpd")
    try:
        assert [each.pid for each in processes.find(token, "fw-a")] == [first]
        assert {each.pid for each in processes.find(token)} == {first, second}
        processes.end(processes.find(token, "fw-a"), token)
        assert [each.pid for each in processes.find(token)] == [second]
    finally:
        processes.end(processes.find(token), token, kindly=False)
        assert Path(f"/proc/{other}").exists()
        os.kill(other, signal.SIGKILL)
        os.waitpid(other, 0)


def test_children_have_the_mark_too(tmp_path: Path, token: str) -> None:
    command = (
        "/bin/sh",
        "-c",
        f"{sys.executable} -c 'import time; time.sleep(600)' & echo awake; wait",
    )
    started(tmp_path, token, "fw-a/bgpd", command)
    eventually("both run", lambda: processes.find(token), lambda found: len(found) == 2)
    processes.end(processes.find(token), token)
    eventually("both gone", lambda: processes.find(token), lambda found: not found)


def test_what_does_not_listen_and_what_is_stopped_is_killed(
    tmp_path: Path, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "END_S", 0.3)
    started(tmp_path, token, "stubborn", STUBBORN)
    stopped = started(tmp_path, token, "stopped")
    os.kill(stopped, signal.SIGSTOP)
    processes.end(processes.find(token), token)
    assert processes.find(token) == []


def test_a_number_that_another_process_has_by_now_is_left_alone(token: str) -> None:
    with subprocess.Popen([*SLEEPER]) as other:
        try:
            processes.end([processes.Running(other.pid, "server")], token, kindly=False)
            assert other.poll() is None
        finally:
            other.kill()


def test_a_process_in_a_namespace_is_there(tmp_path: Path, token: str) -> None:
    with namespace() as made:
        pid = started(tmp_path, token, "a/b", inside=made.name)
        try:
            inode = Path(f"/proc/{pid}/ns/net").stat().st_ino
            assert inode == made.path.stat().st_ino
            assert Path("/proc/self/ns/net").stat().st_ino != inode
        finally:
            processes.end(processes.find(token), token)


# --- namespaces -----------------------------------------------------------------------------------


def test_a_namespace_is_marked_from_the_inside(token: str) -> None:
    name = f"rstest-{os.getpid()}-mark"
    namespaces.make(name, token)
    try:
        assert namespaces.is_ours(name, token)
        assert not namespaces.is_ours(name, "another")
        assert namespaces.marked(namespaces.MARK + token) == [name]
        with pytest.raises(LabError, match="File exists"):
            namespaces.make(name, token)
    finally:
        namespaces.remove(name)
    namespaces.remove(name)
    assert not namespaces.exists(name)


def test_one_that_nobody_has_marked_yet_may_be_ours(token: str) -> None:
    """It is what a crash between the two steps of making one leaves; the journal has its name."""
    with namespace() as made:
        assert namespaces.is_ours(made.name, token)
        made.run("ip", "link", "set", "lo", "alias", "somebody else's")
        assert not namespaces.is_ours(made.name, token)


# --- packets --------------------------------------------------------------------------------------


class Line:
    """A client, a router and a target in a row."""

    def __init__(self, client: Namespace, router: Namespace, target: Namespace) -> None:
        self.client, self.router, self.target = client, router, target
        for end, name, network in ((client, "left", "10.20.1"), (target, "right", "10.20.2")):
            end.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", name)
            end.run("ip", "link", "set", name, "netns", router.name)
            end.run("ip", "address", "add", f"{network}.10/24", "dev", "eth0")
            end.run("ip", "link", "set", "eth0", "up")
            end.run("ip", "route", "add", "default", "via", f"{network}.1")
            router.run("ip", "address", "add", f"{network}.1/24", "dev", name)
            router.run("ip", "link", "set", name, "up")
        namespaces.forward(router.name)


@pytest.fixture
def line() -> Iterator[Line]:
    with namespace("c") as client, namespace("r") as router, namespace("t") as target:
        yield Line(client, router, target)


def journey(line: Line, taps: dict[str, str]) -> probing.Journey:
    client = probing.Place("client", line.client.name, IPv4Address("10.20.1.10"))
    target = probing.Place("target", line.target.name, IPv4Address("10.20.2.10"))
    with probing.opened(client, [target], taps) as path:
        sent = path.send(1)
        deadline = time.monotonic() + 5
        while sent.returned_at is None and time.monotonic() < deadline:
            path.collect(0.02)
        return sent


def test_a_packet_is_followed_there_and_back(line: Line) -> None:
    taps = {"router": line.router.name, "gone": "no-such-namespace"}
    seen = journey(line, taps)
    assert (seen.there, seen.back, seen.answered_by) == (["router"], ["router"], "target")
    assert seen.arrived_at is not None
    assert seen.returned_at is not None
    assert seen.sent_at <= seen.arrived_at <= seen.returned_at


def test_a_router_that_drops_has_forwarded_nothing(line: Line) -> None:
    line.router.run("ip", "route", "add", "blackhole", "10.20.2.10/32")
    client = probing.Place("client", line.client.name, IPv4Address("10.20.1.10"))
    target = probing.Place("target", line.target.name, IPv4Address("10.20.2.10"))
    with probing.opened(client, [target], {"router": line.router.name}) as path:
        sent = path.send(1)
        path.collect(0.1)
        assert (sent.there, sent.arrived_at, sent.returned_at) == ([], None, None)


def test_two_probes_of_one_target_do_not_meet(line: Line) -> None:
    place = probing.Place("target", line.target.name, IPv4Address("10.20.2.10"))
    client = probing.Place("client", line.client.name, IPv4Address("10.20.1.10"))
    with (
        probing.opened(client, [place], {}),
        pytest.raises(LabError, match="another ping"),
        probing.opened(client, [place], {}),
    ):
        pass


def test_silence_drops_both_ways_and_is_lifted_again(line: Line) -> None:
    for end in ("left", "right"):
        silence.fall(line.router.name, [end])
        silence.fall(line.router.name, [end])  # again is fine
        sent = probe_once(line)
        assert sent.returned_at is None
        links = {link["ifname"]: link["operstate"] for link in line.router.ip("link", "show")}
        assert links[end] == "UP"
        silence.lift(line.router.name)
        silence.lift(line.router.name)
        assert journey(line, {}).returned_at is not None


def probe_once(line: Line) -> probing.Journey:
    client = probing.Place("client", line.client.name, IPv4Address("10.20.1.10"))
    target = probing.Place("target", line.target.name, IPv4Address("10.20.2.10"))
    with probing.opened(client, [target], {}) as path:
        sent = path.send(1)
        path.collect(0.1)
        return sent
