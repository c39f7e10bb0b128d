"""Whoever has taken the server over has the helper's attention, and nothing else: what is no order,
or asks for more than there is to have, gets `Failed` and changes nothing."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routeserver.netd.orders import Failed
from routeserver.netd.protocol import LONGEST_BESIDE, ORDERS, decode_answer, put_beside
from routeserver.netd.starting import HelperProcess, start_helper
from routeserver.netlink.framing import MAKE, request
from routeserver.netlink.link import delete_link, new_bridge, set_link
from tests.namespaces import Namespace, namespace, need_root


class Hostile:
    """The other end of a helper's only connection, without any manners."""

    def __init__(self, helper: HelperProcess) -> None:
        self.helper = helper
        helper.connection.settimeout(20)

    def say(self, packet: bytes, descriptors: Sequence[int] = ()) -> str:
        """Why not."""
        socket.send_fds(self.helper.connection, [packet], descriptors)
        answer, opened, _, _ = socket.recv_fds(self.helper.connection, 1 << 16, 4)
        assert not opened, packet
        said = decode_answer(answer, b"")
        assert isinstance(said, Failed), packet
        assert said.reason
        assert "\n" not in said.reason
        return said.reason

    def order(self, name: str, /, **fields: object) -> str:
        return self.say(json.dumps({"order": name, **fields}).encode())

    def write(self, namespace: str, octets: bytes) -> str:
        beside = put_beside(octets)
        try:
            packet = json.dumps({"order": "Write", "namespace": namespace}).encode()
            return self.say(packet, [beside])
        finally:
            os.close(beside)

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.helper.pid}/fd").iterdir()))


def world() -> list[str]:
    """All of this machine that a helper could have touched."""
    shown = [
        subprocess.run(["ip", "-json", *what], capture_output=True, text=True, check=True).stdout
        for what in (["link"], ["addr"], ["rule"], ["route", "show", "table", "all"], ["nexthop"])
    ]
    names = sorted(path.name for path in Path("/run/netns").iterdir() if "rstest" not in path.name)
    return [*(text for text in shown if "lft" not in text), *names]


@pytest.fixture(scope="module")
def hostile() -> Iterator[Hostile]:
    need_root()
    before = world()
    helper = start_helper(f"hostile-{os.getpid()}")
    made = Hostile(helper)
    made.write("", b"x")  # opens the socket that is kept
    open_before = made.descriptors()
    try:
        yield made
        assert made.descriptors() == open_before
        assert helper.process.poll() is None
    finally:
        status = helper.end()
    assert status == 0
    assert world() == before


ANY = settings(max_examples=150)


@ANY
@given(packet=st.binary(max_size=3000))
def test_any_octets(hostile: Hostile, packet: bytes) -> None:
    hostile.say(packet)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@ANY
@given(value=json_values)
def test_any_json(hostile: Hostile, value: Any) -> None:
    hostile.say(json.dumps(value).encode())


EVIL: Final = (
    "..",
    ".",
    "../../etc/passwd",
    "/",
    "/etc",
    "a/b",
    "a\0b",
    "a\nb",
    " ",
    "%d",
    "x" * 64,
    "x" * 5000,
    "-x",
    "é",
    "no-such-namespace",
    "\ud800",
)
evil_values = st.sampled_from(EVIL) | st.text(max_size=20).filter(lambda text: text != "")
field_values: dict[str, st.SearchStrategy[Any]] = {
    "str": evil_values,
    "int": st.integers(),
    "bool": st.booleans(),
    "tuple[str, ...]": st.lists(evil_values, max_size=3),
}


@ANY
@given(data=st.data())
def test_orders_with_random_words_in_them(hostile: Hostile, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from([o for o in ORDERS if o.__dataclass_fields__]))
    values = {
        name: data.draw(field_values[str(field.type)])
        for name, field in kind.__dataclass_fields__.items()
        if field.type != "bytes"
    }
    # What could be the good name of a namespace is made; the others are what this is about.
    if "name" in values and values["name"].replace("-", "x").isascii():
        values["name"] = data.draw(st.sampled_from(EVIL[:-2]))
    hostile.say(json.dumps({"order": kind.__name__, **values}).encode())


@pytest.mark.parametrize("name", ["MakeNamespace", "RemoveNamespace"])
@pytest.mark.parametrize("path", EVIL[:-2])
def test_no_name_is_a_path(hostile: Hostile, name: str, path: str) -> None:
    assert "is no name of a namespace" in hostile.order(name, name=path)


@pytest.mark.parametrize("kind", ["more", "less", "other types", "lists", "twice"])
def test_an_order_has_just_its_fields(hostile: Hostile, kind: str) -> None:
    fields: dict[str, Any] = {"namespace": "", "address": "127.0.0.1", "port": 0}
    match kind:
        case "more":
            fields["extra"] = 1
        case "less":
            del fields["port"]
        case "other types":
            fields["port"] = "0"
        case "lists":
            fields["address"] = ["127.0.0.1"]
        case _:
            fields["port"] = True
    hostile.order("OpenListener", **fields)


def test_a_packet_that_is_too_long_an_empty_one_and_one_that_is_deep(hostile: Hostile) -> None:
    assert "too long" in hostile.say(b"{" * 100_000)
    assert "no order" in hostile.say(b"[" * 60_000)
    assert "no order" in hostile.say(b"")


def test_descriptors_that_nobody_asked_for_are_closed(hostile: Hostile) -> None:
    read, write = os.pipe()
    unsealed = os.memfd_create("x")
    sealed = put_beside(b"x")
    null = os.open("/dev/null", os.O_RDONLY)
    try:
        order = json.dumps({"order": "Write", "namespace": ""}).encode()
        for descriptor in (read, write, unsealed, null):
            assert "no sealed memory file" in hostile.say(order, [descriptor])
        assert "more than" in hostile.say(order, [sealed, sealed])
        assert "more than" in hostile.say(order, [sealed] * 100)
        other = json.dumps({"order": "ListNamespaces"}).encode()
        assert "with more than it has" in hostile.say(other, [sealed])
    finally:
        for descriptor in (read, write, unsealed, sealed, null):
            os.close(descriptor)


def test_more_than_the_most_beside_an_order(hostile: Hostile) -> None:
    beside = put_beside(bytes(LONGEST_BESIDE + 1))
    try:
        order = json.dumps({"order": "Write", "namespace": ""}).encode()
        assert "send at most" in hostile.say(order, [beside])
    finally:
        os.close(beside)


@pytest.fixture(scope="module")
def foreign() -> Iterator[Namespace]:
    need_root()
    with namespace("foreign") as made:
        yield made


def test_raw_link_messages_and_other_families(hostile: Hostile, foreign: Namespace) -> None:
    for octets in (
        new_bridge("evil0", "02:00:00:00:00:01", 1500, 1),
        set_link(1, up=False, sequence=1),
        delete_link(1, 1),
        request(68, bytes(20), MAKE, 1),  # RTM_NEWNSID and beyond
        request(36, bytes(20), MAKE, 1),  # RTM_NEWQDISC
        b"\xff" * 64,
        b"x",
    ):
        hostile.write("", octets)
        assert "was not made by this server" in hostile.write(foreign.name, octets)


def plugged(target: str) -> dict[str, Any]:
    return {
        "namespace": "vpc-x",
        "bridge": "br",
        "port": "p",
        "alias": "a",
        "target": target,
        "device": "eth9",
        "mac": "02:00:00:00:00:01",
        "mtu": 1500,
        "addresses": [],
        "routers": [],
        "guarded": False,
    }


def test_nothing_is_plugged_into_what_is_no_namespace_of_somebody_else(
    hostile: Hostile, tmp_path: Path
) -> None:
    """With a VPC of its own, so that the target is what fails."""
    vpc = f"rstest-{os.getpid()}-evil"
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    link = tmp_path / "link"
    link.symlink_to(f"/proc/{os.getpid()}/ns/net")
    connection = hostile.helper.connection

    def done(name: str, /, **fields: object) -> None:
        connection.send(json.dumps({"order": name, **fields}).encode())
        assert b"done" in connection.recv(1 << 16)

    done("MakeNamespace", name=vpc)
    try:
        done(
            "MakeBridge",
            namespace=vpc,
            name="br",
            alias="a",
            mac="02:00:00:00:00:02",
            mtu=1500,
            addresses=[],
        )
        for target, reason in {
            "/proc/self/ns/net": "namespace of the server itself",
            f"/proc/{os.getpid()}/ns/net": "namespace of the server itself",
            str(link): "namespace of the server itself",
            f"/run/netns/{vpc}": "namespace of a VPC",
            "/proc/self/ns/mnt": "is no network namespace",
            "/etc/passwd": "is no network namespace",
            "/dev/zero": "is no network namespace",
            "/": "is no network namespace",
            str(fifo): "is no network namespace",
            "/nowhere": "there is no network namespace",
            "relative": "is no absolute path",
            "": "is no absolute path",
            "/a\0b": "is no absolute path",
        }.items():
            said = hostile.order("Plug", **{**plugged(target), "namespace": vpc})
            assert reason in said, target
        for name in ("br", "p", "lo"):
            assert "server's own namespace" in hostile.order("RemoveLink", namespace="", name=name)
        assert "is no bridge" in hostile.order("RemoveLink", namespace=vpc, name="lo")
        for field, value in {
            "mac": "01:00:5e:00:00:01",
            "mtu": 0,
            "device": "../x",
            "port": "a/b",
            "alias": "x" * 300,
            "bridge": "lo",
            "addresses": ["10.0.0.1"],
            "routers": ["fe80::1%lo"],
            "guarded": False,
        }.items():
            hostile.order("Plug", **{**plugged("/nowhere"), "namespace": vpc, field: value})
        links = [link["ifname"] for link in Namespace(vpc).ip("link", "show")]
        assert links == ["lo", "br"]
    finally:
        done("RemoveNamespace", name=vpc)


def test_the_helper_cannot_get_back_what_it_gave_up(hostile: Hostile) -> None:
    said = Path(f"/proc/{hostile.helper.pid}/status").read_text()
    status = dict(line.split(":\t", 1) for line in said.splitlines() if ":\t" in line)
    # CAP_DAC_OVERRIDE, NET_BIND_SERVICE, NET_ADMIN, SYS_PTRACE, SYS_ADMIN.
    for name in ("CapEff", "CapPrm", "CapBnd"):
        assert status[name].strip() == "0000000000281402"
    assert status["NoNewPrivs"].strip() == "1"


def test_a_client_that_asks_and_does_not_listen_is_no_trouble() -> None:
    need_root()
    helper = start_helper("rstest-deaf")
    for _ in range(20):
        helper.connection.send(json.dumps({"order": "ListNamespaces"}).encode())
    assert helper.end() == 0


def test_the_helper_is_the_standard_library_and_a_few_modules_of_ours() -> None:
    """What has privilege is small: no third party, no event loop, no protocol parser."""
    look = (
        "import sys, routeserver.netd.process; "
        "print('\\n'.join(n for n, m in sys.modules.items() if getattr(m, '__file__', None)))"
    )
    found = subprocess.run(
        [sys.executable, "-P", "-c", look],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    roots = {name.split(".")[0] for name in found}
    third = {n for n in roots - set(sys.stdlib_module_names) if not n.startswith("_")}
    assert third <= {"routeserver", "sitecustomize"}
    rooms = {name.split(".")[1] for name in found if name.startswith("routeserver.")}
    assert rooms == {"netd", "netlink", "net"}
    assert not {"asyncio", "ssl", "http", "sqlite3", "pickle"} & roots
