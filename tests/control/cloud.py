"""The API below the wire on a store of its own: operations run as they do in the server, without
reconcilers.

Every answer is also encoded, so a member that the service model does not have fails the test.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import pytest

from routeserver.control.api import Api, ApiRequest
from routeserver.control.observed import Observed, PeerStatus, RouteView
from routeserver.control.policy import Policy
from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import RouteServer, RouteServerState
from routeserver.domain.routing import Entry
from routeserver.ec2 import response
from routeserver.ec2.model import operation
from routeserver.net.prefix import Prefix, parse_prefix
from routeserver.store import Scope, Store

ACCOUNT = "111122223333"
REGION = "us-east-1"


class FakeWorld:
    """An `Observed` that shows the routes a test puts into it, and nothing else."""

    def __init__(self) -> None:
        self.entries: dict[str, dict[Prefix, Entry]] = {}
        self.database: list[RouteView] = []
        self.looked_for: list[tuple[Collection[Prefix] | None, Collection[str] | None]] = []

    def propagate(self, table_id: str, prefix: str, interface_id: str, next_hop: str) -> None:
        entry = Entry(interface_id, next_hop, "rs-0123456789abcdef0", "rsp-0123456789abcdef0")
        self.entries.setdefault(table_id, {})[parse_prefix(prefix)] = entry

    def peer_status(self, peer_id: str) -> PeerStatus:  # noqa: ARG002
        return PeerStatus()

    def propagated(self, route_table_id: str) -> Mapping[Prefix, Entry]:
        return self.entries.get(route_table_id, {})

    def routes(
        self,
        route_server_id: str,  # noqa: ARG002
        after: tuple[Prefix, str] | None = None,  # noqa: ARG002
        *,
        prefixes: Collection[Prefix] | None = None,
        peer_ids: Collection[str] | None = None,
    ) -> Iterator[RouteView | None]:
        self.looked_for.append((prefixes, peer_ids))
        for view in self.database:
            if prefixes is None or view.prefix in prefixes:
                yield view if peer_ids is None or view.peer_id in peer_ids else None

    def are_routes_persisted(self, route_server_id: str) -> bool:  # noqa: ARG002
        return False


def counting_bytes(count: int = 0) -> Callable[[int], bytes]:
    """Bytes that are never the same twice and the same in every run."""

    def take(length: int) -> bytes:
        nonlocal count
        count += 1
        return (
            (count * 0x9E3779B97F4A7C15 % 2**64).to_bytes(8, "big").ljust(length, b"\x5a")[:length]
        )

    return take


class Cloud:
    """`await cloud("CreateVpc", CidrBlock=...)` answers in botocore's Python shapes or raises
    Refusal.
    """

    def __init__(self, store: Store, policy: Policy | None = None, account: str = ACCOUNT) -> None:
        self.store = store
        self.world = FakeWorld()
        self.account = account
        self.now = 1_700_000_000.0
        self._api = Api(
            store,
            self.world,
            policy or Policy(),
            wall_clock=self._tick,
            random_bytes=counting_bytes(0 if account == ACCOUNT else int(account)),
            wake=lambda: None,
        )

    def _tick(self) -> float:
        self.now += 1.0
        return self.now

    async def __call__(self, action: str, service: str = "ec2", **params: Any) -> dict[str, Any]:
        modelled = operation(service, action)
        assert modelled is not None
        answer = await self.quiet(action, service, **params)
        response.encode(modelled, answer, "request")
        return answer

    def observe(self, world: Observed) -> None:
        """Answer from another world from now on."""
        self._api._observed = world

    async def quiet(self, action: str, service: str = "ec2", **params: Any) -> dict[str, Any]:
        """Without writing the answer: one that is long can be written once."""
        return await self._api.call(
            ApiRequest(
                service=service,
                action=action,
                params=params,
                account_id=self.account,
                principal_arn=f"arn:aws:iam::{self.account}:root",
                user_id=self.account,
                region=REGION,
                request_id="request",
            )
        )

    async def refused(self, action: str, **params: Any) -> Refusal:
        """The refusal that the call is answered with."""
        with pytest.raises(Refusal) as caught:
            await self(action, **params)
        return caught.value

    @property
    def scope(self) -> Scope:
        return Scope(self.account, REGION)

    async def make_available(self, route_server_id: str) -> None:
        """What the reconciler would do."""
        async with self.store.write(self.scope) as tx:
            server = await tx.get(RouteServer, route_server_id)
            assert server is not None
            await tx.advance(server, RouteServerState.AVAILABLE)

    # --- the things most tests start from -------------------------------------------------------

    async def vpc(self, cidr: str = "10.0.0.0/16", **params: Any) -> str:
        return str((await self("CreateVpc", CidrBlock=cidr, **params))["Vpc"]["VpcId"])

    async def subnet(self, vpc_id: str, cidr: str = "10.0.1.0/24", **params: Any) -> str:
        answer = await self("CreateSubnet", VpcId=vpc_id, CidrBlock=cidr, **params)
        return str(answer["Subnet"]["SubnetId"])

    async def table(self, vpc_id: str) -> str:
        return str((await self("CreateRouteTable", VpcId=vpc_id))["RouteTable"]["RouteTableId"])

    async def interface(self, subnet_id: str, **params: Any) -> str:
        answer = await self("CreateNetworkInterface", SubnetId=subnet_id, **params)
        return str(answer["NetworkInterface"]["NetworkInterfaceId"])

    async def attached_gateway(self, vpc_id: str) -> str:
        created = await self("CreateInternetGateway")
        gateway_id = str(created["InternetGateway"]["InternetGatewayId"])
        await self("AttachInternetGateway", InternetGatewayId=gateway_id, VpcId=vpc_id)
        return gateway_id

    async def main_table(self, vpc_id: str) -> dict[str, Any]:
        answer = await self(
            "DescribeRouteTables",
            Filters=[
                {"Name": "vpc-id", "Values": [vpc_id]},
                {"Name": "association.main", "Values": ["true"]},
            ],
        )
        (table,) = answer["RouteTables"]
        return dict(table)

    async def routes(self, table_id: str) -> dict[str, dict[str, Any]]:
        """The table's routes by destination."""
        answer = await self("DescribeRouteTables", RouteTableIds=[table_id])
        return {
            route.get("DestinationCidrBlock") or route["DestinationIpv6CidrBlock"]: route
            for route in answer["RouteTables"][0]["Routes"]
        }
