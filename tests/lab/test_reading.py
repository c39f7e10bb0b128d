"""Labs' files: the ready ones are sound, and every mistake is a sentence with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from routeserver.lab import examples
from routeserver.lab.errors import LabError
from routeserver.lab.keys import SECTIONS
from routeserver.lab.model import DaemonKind, Flow, Lab
from routeserver.lab.reading import read_file, read_text

TEXT = """\
traffic = ["out -> app"]

[vpc.shop]
cidr = "10.0.0.0/16"
internet_gateway = true
gateway_table = "edge"

[table.edge]
[table.app]
routes = { "192.0.2.0/24" = "fw" }

[subnet.dmz]
cidr = "10.0.1.0/24"

[subnet.app]
cidr = "10.0.2.0/24"
table = "app"

[route_server.rs]
endpoints = ["dmz"]
propagate = ["edge", "app"]

[appliance.fw]
daemon = "bird"
subnet = "dmz"
address = "10.0.1.10"
asn = 65001
announce = ["0.0.0.0/0"]

[appliance.fw.eni.inside]
subnet = "app"
address = "10.0.2.10"
routes = ["10.9.0.0/16"]

[host.app]
subnet = "app"
address = "10.0.2.20"

[host.out]
address = "198.51.100.1"

[floating.vip]
address = "172.31.255.1"
appliances = ["fw"]
"""


def read(text: str = TEXT) -> Lab:
    return read_text(text, "some.toml")


@pytest.mark.parametrize("name", examples.names())
def test_the_ready_files_are_sound(name: str) -> None:
    lab = read_file(examples.path_of(name))
    assert lab.name == name
    assert len(lab.appliances) == 2
    assert lab.traffic


def test_values_are_as_written() -> None:
    lab = read()
    assert lab.name == "some"
    assert lab.traffic == (Flow("out", "app"),)
    appliance = lab.appliances["fw"]
    assert appliance.daemon is DaemonKind.BIRD
    assert [eni.name for eni in appliance.enis] == ["", "inside"]
    assert lab.subnets["dmz"].vpc == "shop"
    assert lab.namespaces() == ("some-outside", "some-fw", "some-app")
    announced = [str(prefix) for prefix in lab.announced(appliance, appliance.enis[0])]
    assert announced == ["0.0.0.0/0", "172.31.255.1/32"]


def test_another_name_is_stronger_than_the_files() -> None:
    assert read_text(TEXT, "some.toml", "other").name == "other"
    assert read_text(f'name = "third"\n{TEXT}', "some.toml").name == "third"


def test_made_up_routes_are_announced_by_the_first_interface() -> None:
    lab = read(TEXT.replace("asn = 65001", "asn = 65001\nextra_routes = 300"))
    appliance = lab.appliances["fw"]
    assert len(set(lab.announced(appliance, appliance.enis[0]))) == 302
    assert lab.announced(appliance, appliance.enis[1]) == ()


MISTAKES = [
    # what is replaced, by what, and what is said
    ('cidr = "10.0.1.0/24"', 'cidr = "10.0.1.1/24"', ":13: [subnet.dmz] cidr must be an IPv4 pre"),
    ('cidr = "10.0.1.0/24"', 'cidr = "10.7.1.0/24"', ":13: [subnet.dmz] cidr must be inside the"),
    ('cidr = "10.0.1.0/24"', 'cidr = "10.0.1.0/30"', ":13: [subnet.dmz] cidr must be /28 or lar"),
    ('cidr = "10.0.1.0/24"', 'cidr = "10.0.2.0/25"', "cidr overlaps dmz's 10.0.2.0/25"),
    ('cidr = "10.0.0.0/16"', 'cidr = "10.0.0.0/8"', ":4: [vpc.shop] cidr must be a prefix betw"),
    ('cidr = "10.0.0.0/16"', 'cidr = "127.0.0.0/16"', ":4: [vpc.shop] cidr must be ordinary"),
    ('cidr = "10.0.0.0/16"\n', "", ":3: [vpc.shop] cidr is missing; it is its addresses"),
    ("internet_gateway = true\n", "", "gateway_table needs internet_gateway = true"),
    ('table = "app"', 'table = "apps"', ":17: [subnet.app] table names 'apps', which is no table"),
    ('endpoints = ["dmz"]', 'endpoints = ["dm"]', ":20: [route_server.rs] endpoints names 'dm'"),
    (
        'endpoints = ["dmz"]',
        'endpoints = ["dmz", "dmz", "dmz"]',
        "endpoints name 'dmz' more than 2 times",
    ),
    ('endpoints = ["dmz"]', "endpoints = 3", "endpoints must be a list of names"),
    ('endpoints = ["dmz"]', "endpoints = []", "has no route server endpoint to peer with"),
    ('daemon = "bird"', 'daemon = "exabgp"', ":24: [appliance.fw] daemon must be one of bird, fr"),
    ('daemon = "bird"\n', "", ":23: [appliance.fw] daemon is missing"),
    ("asn = 65001", "asn = 0", ":27: [appliance.fw] asn must be a whole number from 1"),
    ("asn = 65001", "asn = true", "asn must be a whole number"),
    ("asn = 65001", "asn = 65000", ":27: [appliance.fw] asn is that of the route server"),
    ("asn = 65001", "asn = 65001\nmedd = 3", ":28: [appliance.fw] medd is no key; known here: da"),
    ("asn = 65001", "asn = 65001\nbfd = 1", ":28: [appliance.fw] bfd must be true or false"),
    ('address = "10.0.1.10"', 'address = "10.0.1.1"', "is reserved: the first 4 and the last"),
    ('address = "10.0.1.10"', 'address = "10.0.1.255"', "is reserved"),
    ('address = "10.0.1.10"', 'address = "10.0.9.9"', "address must be inside subnet dmz"),
    ('address = "10.0.1.10"', 'address = "fw"', "address must be an IPv4 address"),
    (
        'address = "10.0.2.20"',
        'address = "10.0.2.10"',
        ":37: [host.app] address is that of [appliance.fw.eni.inside]",
    ),
    ('announce = ["0.0.0.0/0"]', 'announce = "0.0.0.0/0"', "must be a list of IPv4 prefixes"),
    ('"192.0.2.0/24" = "fw"', '"192.0.2.0/24" = "fx"', "[table.app] routes names 'fx', which is"),
    ('[subnet.dmz]', "[subnets.dmz]", ":12: subnets is no section of a lab"),
    ('[subnet.dmz]', "[subnet.Dmz]", ":12: [subnet.Dmz] has no good name"),
    ("[host.app]", "[host.fw]", ":35: [host.fw] has the name of [appliance.fw]; rename it"),
    ("[host.app]", "[host.outside]", "[host.outside] has the name of what stands behind the ga"),
    ('"out -> app"', '"out -> ap"', ":1: traffic names 'ap', which is no host or floating addres"),
    ('"out -> app"', '"out - app"', ":1: traffic must be a list of lines such as"),
    ('"out -> app"', '"out -> out"', "traffic leads from out to itself"),
    ('address = "172.31.255.1"', 'address = "10.0.2.99"', "address must be in no subnet"),
    ('address = "172.31.255.1"', 'address = "198.51.100.1"', "address is that of out"),
    ('address = "198.51.100.1"', 'address = "169.254.9.9"', "must not be in 169.254.0.0/16"),
    ('appliances = ["fw"]', "appliances = []", "appliances must name at least one"),
    ("[floating.vip]", "[floating]", "stands outside of any floating; write [floating.NAME]"),
    (
        '[appliance.fw.eni.inside]\nsubnet = "app"',
        '[appliance.fw.eni.inside]\nsubnet = "ap"',
        ":31: [appliance.fw.eni.inside] subnet names 'ap'",
    ),
    ("[table.edge]", "[vpc.two]\ncidr = '10.1.0.0/16'\n[table.edge]", "vpc is missing: ther"),
    ("[table.edge]", "table = 3\n[tables.edge]", "tables is no section"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "said"), MISTAKES, ids=[said for *_, said in MISTAKES])
def test_a_mistake_is_said_with_its_place_and_key(old: str, new: str, said: str) -> None:
    assert old in TEXT
    with pytest.raises(LabError) as caught:
        read(TEXT.replace(old, new, 1))
    sentence = str(caught.value)
    assert sentence.startswith("some.toml:")
    assert said in sentence
    assert "\n" not in sentence


def test_gobgp_cannot_announce_by_two_interfaces() -> None:
    text = TEXT.replace('"bird"', '"gobgp"').replace(
        'routes = ["10.9.0.0/16"]', 'announce = ["10.9.0.0/16"]'
    )
    with pytest.raises(LabError, match="second interface"):
        read(text)


def test_too_many_made_up_routes_for_a_daemon_are_refused() -> None:
    text = TEXT.replace('"bird"', '"frr"').replace("asn = 65001", "asn = 1\nextra_routes = 100000")
    with pytest.raises(LabError, match=r"at most 20000 with frr; take bird"):
        read(text)


def test_two_vpcs_with_gateways_do_not_overlap() -> None:
    text = TEXT.replace("[subnet.dmz]", '[subnet.dmz]\nvpc = "shop"', 1)
    more = '\n[vpc.two]\ncidr = "10.0.0.0/20"\ninternet_gateway = true\n'
    text = text.replace("[table.edge]", '[table.edge]\nvpc = "shop"')
    text = text.replace("[table.app]", '[table.app]\nvpc = "shop"')
    text = text.replace("[subnet.app]", '[subnet.app]\nvpc = "shop"')
    text = text.replace("[route_server.rs]", '[route_server.rs]\nvpc = "shop"')
    with pytest.raises(LabError, match="overlaps shop's"):
        read(text + more)
    assert len(read(text + more.replace("internet_gateway = true\n", "")).vpcs) == 2


def test_no_toml_no_file_no_text(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"is not TOML: .*; correct it there"):
        read("[vpc")
    with pytest.raises(LabError, match=r"cannot read .*: no such file or directory"):
        read_file(tmp_path / "none.toml")
    odd = tmp_path / "odd.toml"
    odd.write_bytes(b"\xff")
    with pytest.raises(LabError, match="is not UTF-8"):
        read_file(odd)
    with pytest.raises(LabError, match="is a directory"):
        read_file(tmp_path)


def test_every_section_has_a_mistake_to_show() -> None:
    """The table above goes through every section that there is."""
    for section in SECTIONS:
        word = section.replace("NAME", "fw")
        assert any(word in said for *_, said in MISTAKES), section
