"""What Terraform's provider does with route servers, step for step: its creates, its waits, what it
reads back into its state and compares with the configuration, and which errors end its deletes.

Terraform itself is not needed: `Provider` does what the provider does, and a plan that
would not be empty, or an apply that would be called inconsistent, fails its test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.contract.conftest import Network
from tests.contract.test_route_server_life import make_peer
from tests.running import error_of, eventually

State = dict[str, Any]


@dataclass
class Provider:
    """The calls of the provider, with its reading of the answers."""

    ec2: Any

    # --- aws_vpc_route_server -------------------------------------------------------------------

    def create_server(self, config: State) -> State:
        names = {
            "amazon_side_asn": "AmazonSideAsn",
            "persist_routes": "PersistRoutes",
            "persist_routes_duration": "PersistRoutesDuration",
            "sns_notifications_enabled": "SnsNotificationsEnabled",
        }
        params = {api: config[name] for name, api in names.items() if name in config}
        tags = [{"Key": key, "Value": value} for key, value in config.get("tags", {}).items()]
        if tags:
            params["TagSpecifications"] = [{"ResourceType": "route-server", "Tags": tags}]
        made = self.ec2.create_route_server(**params)["RouteServer"]
        # The persistence is taken from this answer; what is computed comes from the wait's last.
        persist = "enable" if made["PersistRoutesState"] == "enabled" else "disable"
        settled = self.wait_server(made["RouteServerId"], {"pending"})
        return {**self.flatten(settled), "persist_routes": persist}

    def wait_server(self, server_id: str, pending: set[str]) -> State:
        def look() -> State:
            found: State = self.find_server(server_id) or {}
            assert found.get("State") in pending | {"available"}, found
            return found

        return eventually("route server", look, lambda found: found["State"] == "available")

    def find_server(self, server_id: str) -> State | None:
        """By id, exactly one, not deleted, and of that id."""
        ids = {"RouteServerIds": [server_id]}
        if error_of(self.ec2.describe_route_servers, **ids) == "InvalidRouteServerId.NotFound":
            return None
        found = self.ec2.describe_route_servers(**ids)["RouteServers"]
        assert len(found) == 1
        server: State = found[0]
        return (
            server
            if server["State"] != "deleted" and server["RouteServerId"] == server_id
            else None
        )

    def read_server(self, server_id: str) -> State:
        found = self.find_server(server_id)
        assert found is not None
        return self.flatten(found)

    @staticmethod
    def flatten(found: State) -> State:
        enabled = found["PersistRoutesState"] == "enabled"
        state = {
            "route_server_id": found["RouteServerId"],
            "amazon_side_asn": found["AmazonSideAsn"],
            "persist_routes": "enable" if enabled else "disable",
            "sns_notifications_enabled": found["SnsNotificationsEnabled"],
            "sns_topic_arn": found.get("SnsTopicArn"),
            "tags": {tag["Key"]: tag["Value"] for tag in found["Tags"]},
        }
        if "PersistRoutesDuration" in found:
            state["persist_routes_duration"] = found["PersistRoutesDuration"]
        return state

    def update_server(self, server_id: str, **changes: Any) -> State:
        self.ec2.modify_route_server(RouteServerId=server_id, **changes)
        self.wait_server(server_id, {"modifying"})
        return self.read_server(server_id)

    # --- deletes ----------------------------------------------------------------------------------

    def delete(self, call: Callable[..., Any], tolerated: set[str], **ids: str) -> str | None:
        """The code that ended it as if it had been gone; anything not tolerated fails."""
        code = error_of(call, **ids)
        assert code is None or code in tolerated, code
        return code


@pytest.fixture
def provider(ec2: Any) -> Provider:
    return Provider(ec2)


CONFIGURATIONS: dict[str, State] = {
    "the least": {"amazon_side_asn": 65534},
    "persistence": {
        "amazon_side_asn": 4294967293,
        "persist_routes": "enable",
        "persist_routes_duration": 2,
    },
    "persistence off": {"amazon_side_asn": 65534, "persist_routes": "disable"},
    "notifications": {"amazon_side_asn": 4200000001, "sns_notifications_enabled": True},
    "no notifications": {"amazon_side_asn": 65534, "sns_notifications_enabled": False},
    "tags": {"amazon_side_asn": 65534, "tags": {"Name": "tf", "empty": ""}},
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_what_was_configured_is_what_is_read_back(provider: Provider, name: str) -> None:
    config = CONFIGURATIONS[name]
    applied = provider.create_server(config)
    planned = provider.read_server(applied["route_server_id"])
    for attribute, value in config.items():
        assert applied[attribute] == value, "an inconsistent result after apply"
        assert planned[attribute] == value, "a plan that is not empty"
    assert planned == applied
    # Optional and not computed: what is not configured may not be there.
    assert ("persist_routes_duration" in planned) == ("persist_routes_duration" in config)
    assert (planned["sns_topic_arn"] is not None) == config.get("sns_notifications_enabled", False)


def test_updates_in_place_are_read_back_at_once(provider: Provider) -> None:
    server_id = provider.create_server({"amazon_side_asn": 65534})["route_server_id"]
    state = provider.update_server(server_id, PersistRoutes="enable", PersistRoutesDuration=5)
    assert (state["persist_routes"], state["persist_routes_duration"]) == ("enable", 5)
    state = provider.update_server(server_id, PersistRoutes="enable", PersistRoutesDuration=2)
    assert (state["persist_routes"], state["persist_routes_duration"]) == ("enable", 2)
    state = provider.update_server(server_id, SnsNotificationsEnabled=True)
    assert state["sns_topic_arn"].startswith("arn:aws:sns:us-east-1:")
    assert (state["persist_routes"], state["persist_routes_duration"]) == ("enable", 2)
    state = provider.update_server(
        server_id, PersistRoutes="disable", SnsNotificationsEnabled=False
    )
    assert state["persist_routes"] == "disable"
    assert state["sns_topic_arn"] is None
    assert "persist_routes_duration" not in state
    provider.ec2.create_tags(Resources=[server_id], Tags=[{"Key": "a", "Value": "1"}])
    assert provider.read_server(server_id)["tags"] == {"a": "1"}
    provider.ec2.delete_tags(Resources=[server_id], Tags=[{"Key": "a"}])
    assert provider.read_server(server_id)["tags"] == {}


def test_a_whole_configuration_comes_and_goes(provider: Provider, network: Network) -> None:
    """Create, wait, read; then destroy."""
    ec2 = provider.ec2
    server_id = provider.create_server({"amazon_side_asn": 65534})["route_server_id"]
    rs, link = {"RouteServerId": server_id}, {"RouteServerId": server_id, "VpcId": network.vpc_id}
    ec2.associate_route_server(**link)

    def association() -> Any:
        found = ec2.get_route_server_associations(**rs)["RouteServerAssociations"]
        (one,) = [each for each in found if each["VpcId"] == network.vpc_id]
        return one["State"]

    # The waiters want the target twice in a row.
    for _ in range(2):
        eventually("association", association, lambda state: state == "associated")

    born = ec2.create_route_server_endpoint(**rs, SubnetId=network.subnet_id)
    rse = {"RouteServerEndpointId": born["RouteServerEndpoint"]["RouteServerEndpointId"]}
    ids = list(rse.values())

    def endpoint() -> Any:
        (one,) = ec2.describe_route_server_endpoints(RouteServerEndpointIds=ids)[
            "RouteServerEndpoints"
        ]
        return one

    seen = eventually("endpoint", endpoint, lambda one: one["State"] == "available")
    assert {"EniId", "EniAddress", "VpcId", "SubnetId", "RouteServerId", "Tags"} <= seen.keys()

    spread = {**rs, "RouteTableId": network.table_id}
    ec2.enable_route_server_propagation(**spread)

    def propagation() -> Any:
        (one,) = ec2.get_route_server_propagations(**spread)["RouteServerPropagations"]
        assert (one["RouteServerId"], one["RouteTableId"]) == tuple(spread.values())
        return one["State"]

    for _ in range(2):
        eventually("propagation", propagation, lambda state: state == "available")
    rsp = {"RouteServerPeerId": make_peer(ec2, ids[0], "127.30.1.210")}
    destroy(provider, rsp, spread, rse, link)


def destroy(
    provider: Provider,
    rsp: dict[str, str],
    spread: dict[str, str],
    rse: dict[str, str],
    link: dict[str, str],
) -> None:
    """In Terraform's order, every delete said twice."""
    ec2, server_id = provider.ec2, link["RouteServerId"]
    rs = {"RouteServerId": server_id}
    gone = {"InvalidRouteServerId.NotFound", "IncorrectState"}
    not_there = {"InvalidRouteServerId.NotFound", "InvalidRouteServerId.NotPropagated"}
    apart = {
        "InvalidRouteServerId.NotFound",
        "InvalidRouteServerId.NotAssociated",
        "InvalidVpcID.NotFound",
    }
    peer_gone = {"InvalidRouteServerPeerId.NotFound", "IncorrectState"}
    end_gone = {"InvalidRouteServerEndpointId.NotFound", "IncorrectState"}

    def peers() -> Any:
        ids = list(rsp.values())
        return ec2.describe_route_server_peers(RouteServerPeerIds=ids)["RouteServerPeers"][0]

    def endpoint() -> Any:
        ids = list(rse.values())
        found = ec2.describe_route_server_endpoints(RouteServerEndpointIds=ids)
        return found["RouteServerEndpoints"][0]

    def gone_with(call: Callable[..., Any], code: str) -> Callable[[], bool]:
        return lambda: provider.delete(call, {code}, **rs) == code

    assert provider.delete(ec2.delete_route_server_peer, peer_gone, **rsp) is None
    eventually("peer", peers, lambda one: one["State"] == "deleted")
    assert provider.delete(ec2.delete_route_server_peer, peer_gone, **rsp) == "IncorrectState"
    assert provider.delete(ec2.disable_route_server_propagation, not_there, **spread) is None
    look = gone_with(ec2.get_route_server_propagations, "InvalidRouteServerId.NotPropagated")
    eventually("propagation gone", look, bool)
    again = provider.delete(ec2.disable_route_server_propagation, not_there, **spread)
    assert again == "InvalidRouteServerId.NotPropagated"
    assert provider.delete(ec2.delete_route_server_endpoint, end_gone, **rse) is None
    eventually("endpoint", endpoint, lambda one: one["State"] == "deleted")
    again = provider.delete(ec2.delete_route_server_endpoint, end_gone, **rse)
    assert again == "IncorrectState"
    assert provider.delete(ec2.disassociate_route_server, apart, **link) is None
    look = gone_with(ec2.get_route_server_associations, "InvalidRouteServerId.NotAssociated")
    eventually("association gone", look, bool)
    again = provider.delete(ec2.disassociate_route_server, apart, **link)
    assert again == "InvalidRouteServerId.NotAssociated"
    assert provider.delete(ec2.delete_route_server, gone, **rs) is None
    eventually("gone", lambda: provider.find_server(server_id), lambda found: found is None)
    assert provider.delete(ec2.delete_route_server, gone, **rs) == "IncorrectState"
    never = {"RouteServerId": "rs-0123456789abcdef0"}
    code = provider.delete(ec2.delete_route_server, gone, **never)
    assert code == "InvalidRouteServerId.NotFound"
    assert provider.find_server(never["RouteServerId"]) is None
