"""The ready files' calls against a real server, whose fabric does not matter to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from routeserver.app.errors import StartError
from routeserver.cli.api_client import ApiClient
from routeserver.cli.operator_client import Operator
from routeserver.lab import building, cloud, cloud_removal, examples, journal
from routeserver.lab.cloud_plan import plan
from routeserver.lab.errors import LabError
from routeserver.lab.model import Lab
from routeserver.lab.reading import read_file
from tests.running import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("lab"), bgp_port=17903, bfd_port=17904)
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize("name", examples.names())
def test_a_ready_file_becomes_what_it_says(server: Server, tmp_path: Path, name: str) -> None:
    path = examples.path_of(name)
    lab = read_file(path)
    with journal.opened(lab.name, tmp_path) as opened:
        opened.begin(lab, path.read_text(), str(path), f"token of {name}")
        told: list[str] = []
        api = ApiClient(server.data_dir, "ec2")
        cloud.carry_out(plan(lab), api, opened, lambda what, _detail="": told.append(what))
        assert len(told) == len(set(told))
        ids = opened.notes.ids
        assert all(ids[f"eni.{each}"].startswith("eni-") for each in lab.appliances)
        assert ids["endpoint.rs.0.address"]
        missing = building.unsettled(lab, opened, Operator(server.data_dir))
        assert missing.keys() == lab.appliances.keys()
        assert all(said.startswith("BGP down") for said in missing.values())
        _look_at_static_routes(lab, opened, api)
        operator = Operator(server.data_dir)
        assert cloud_removal.remove(api, operator, opened.notes.token) > len(lab.subnets)
        for vpc in lab.vpcs:
            with pytest.raises(StartError, match="does not exist"):
                api("DescribeVpcs", {"VpcId.1": opened.notes.ids[f"vpc.{vpc}"]})
        cloud_removal.remove(api, operator, opened.notes.token)  # again is fine


def _look_at_static_routes(lab: Lab, opened: journal.Journal, api: ApiClient) -> None:
    for name, routes in cloud.route_tables(api, opened, lab.tables).items():
        static = {(route[0], route[2]) for route in routes if route[2] == "CreateRoute"}
        assert static == {(str(each), "CreateRoute") for each in lab.tables[name].routes}


def test_what_the_server_refuses_is_said_in_its_words(server: Server, tmp_path: Path) -> None:
    path = examples.path_of("floating-ip")
    lab = read_file(path)
    with journal.opened(lab.name, tmp_path) as opened:
        opened.begin(lab, path.read_text(), str(path), "token")
        steps = [step for step in plan(lab) if step.action != "CreateSubnet"]
        api = ApiClient(server.data_dir, "ec2")
        with pytest.raises(KeyError, match=r"subnet\.zone-a"):
            cloud.carry_out(steps, api, opened, lambda *_: None)
        opened.note(ids={f"subnet.{each}": "subnet-0123456789abcdef0" for each in lab.subnets})
        with pytest.raises(Exception, match="subnet-0123456789abcdef0"):
            cloud.carry_out(steps, api, opened, lambda *_: None)


def test_an_answer_without_the_id_is_said(tmp_path: Path) -> None:
    with journal.opened("x", tmp_path) as opened:
        path = examples.path_of("floating-ip")
        opened.begin(read_file(path, "x"), path.read_text(), str(path), "token")
        answer = ET.Element("a")
        with pytest.raises(LabError, match=r"has no vpc\.main"):
            cloud.keep({"vpc.main": "vpc/vpcId"}, answer, opened)
