"""The netlink socket that the helper opens for the server: to look, and for nothing else, in the
hands of a process without privilege."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.namespaces import need_root

LOOK = """
import errno, json, socket, sys
from pathlib import Path
from routeserver.netd.drop import Need, give_up, identity_of
from routeserver.netd.orders import MakeNamespace, OpenNetlink, RemoveNamespace
from routeserver.netd.protocol import encode_order
from routeserver.netd.starting import start_helper
from routeserver.netlink.decoding import Said, decode
from routeserver.netlink.framing import PUT, Acknowledgement, Flag
from routeserver.netlink.link import delete_link, list_links
from routeserver.netlink.route import Route, new_route

package, vpc = sys.argv[1:]
helper = start_helper(vpc)
code = {sys.base_prefix, sys.prefix, package}
give_up(identity_of("nobody"), [Need(Path(path)) for path in code])

def ask(order):
    helper.connection.send(encode_order(order)[0])
    packet, descriptors, _, _ = socket.recv_fds(helper.connection, 65536, 1)
    return [packet.decode(), *descriptors]

said = []
ask(MakeNamespace(vpc))
for namespace in (vpc, ""):
    _, descriptor = ask(OpenNetlink(namespace))
    looking = socket.socket(fileno=descriptor)
    looking.setblocking(True)
    looking.send(list_links())
    heard = list(decode(looking.recv(1 << 16)))
    assert any(isinstance(one, Said) for one in heard), heard
    while not any(isinstance(one, Acknowledgement) for one in heard):
        heard = list(decode(looking.recv(1 << 16)))
    for message in (new_route(Route(10 << 32 | 8, type=6), 1, PUT | Flag.ACK), delete_link(1, 2)):
        looking.send(message)
        (answer,) = decode(looking.recv(1 << 16))
        said.append(errno.errorcode[answer.errno])
    looking.close()
ask(RemoveNamespace(vpc))
helper.end()
print(json.dumps(said))
"""


def test_who_holds_it_may_list_and_not_write() -> None:
    need_root()
    package = Path(__file__).parents[2] / "src"
    found = subprocess.run(
        [sys.executable, "-c", LOOK, str(package), f"rstest-{os.getpid()}-look"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout) == ["EPERM"] * 4
