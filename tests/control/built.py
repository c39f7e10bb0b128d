"""Route servers with what hangs on them, moved on as the reconciler would."""

from __future__ import annotations

from typing import Any, Final

from routeserver.control.endpoint_network import allocate_endpoint_interface
from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import (
    AssociationState,
    EndpointState,
    PropagationState,
    RouteServerAssociation,
    RouteServerEndpoint,
    RouteServerPropagation,
    Subnet,
)
from routeserver.ec2.model import operation
from routeserver.net.ids import new_id
from tests.control.cloud import Cloud, counting_bytes

OK: Final = "OK"


async def code(cloud: Cloud, action: str, **params: Any) -> str:
    """The code that the call is refused with, or OK."""
    try:
        await cloud(action, **params)
    except Refusal as refusal:
        return refusal.code
    return OK


async def server_with_endpoint(cloud: Cloud) -> tuple[str, str]:
    """The ids of a route server and an available endpoint, moved on as the reconciler would."""
    vpc_id = await cloud.vpc()
    subnet_id = await cloud.subnet(vpc_id)
    made = await cloud("CreateRouteServer", AmazonSideAsn=65000)
    server_id = str(made["RouteServer"]["RouteServerId"])
    await cloud.make_available(server_id)
    await cloud("AssociateRouteServer", RouteServerId=server_id, VpcId=vpc_id)
    async with cloud.store.write(cloud.scope) as tx:
        (link,) = await tx.list(RouteServerAssociation)
        await tx.advance(link, AssociationState.ASSOCIATED)
    made = await cloud("CreateRouteServerEndpoint", RouteServerId=server_id, SubnetId=subnet_id)
    endpoint_id = str(made["RouteServerEndpoint"]["RouteServerEndpointId"])
    random_bytes = counting_bytes()
    async with cloud.store.write() as tx:
        endpoint = await tx.get(RouteServerEndpoint, endpoint_id)
        subnet = await tx.get(Subnet, subnet_id)
        assert endpoint is not None
        assert subnet is not None
        interface = await allocate_endpoint_interface(
            tx,
            endpoint,
            subnet,
            new_id=lambda prefix: new_id(prefix, lambda length: random_bytes(length)[::-1]),
            random_bytes=random_bytes,
            now=1.0,
        )
        await tx.update(
            endpoint,
            eni_id=interface.id,
            eni_address=interface.private_ips[0],
            state=EndpointState.AVAILABLE,
        )
    return server_id, endpoint_id


async def create_peer(cloud: Cloud, endpoint_id: str, address: str, **options: Any) -> str:
    made = await cloud(
        "CreateRouteServerPeer",
        RouteServerEndpointId=endpoint_id,
        PeerAddress=address,
        BgpOptions={"PeerAsn": 65001, **options},
    )
    return str(made["RouteServerPeer"]["RouteServerPeerId"])


class Built:
    """One of everything, each in the state that a test gives it."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.rs = self.rse = self.rsp = self.vpc = self.subnet = self.table = ""

    async def build(self, *, with_peer: bool, with_propagation: bool) -> Built:
        self.rs, self.rse = await server_with_endpoint(self.cloud)
        (subnet,) = (await self.cloud("DescribeSubnets"))["Subnets"]
        self.subnet, self.vpc = subnet["SubnetId"], subnet["VpcId"]
        self.table = await self.cloud.table(self.vpc)
        if with_peer:
            self.rsp = await create_peer(self.cloud, self.rse, "10.0.1.20")
        if with_propagation:
            both = {"RouteServerId": self.rs, "RouteTableId": self.table}
            await self.cloud("EnableRouteServerPropagation", **both)
            await self.put(RouteServerPropagation, state=PropagationState.AVAILABLE)
        return self

    async def put(self, type_: type[Any], **values: Any) -> None:
        """Write the state of the only resource of a type."""
        async with self.cloud.store.write(self.cloud.scope) as tx:
            (row,) = await tx.list(type_)
            await tx.update(row, **values)

    def params(self, action: str) -> dict[str, Any]:
        shape = operation("ec2", action)
        assert shape is not None
        assert shape.input is not None
        known = {
            "RouteServerId": self.rs,
            "RouteServerEndpointId": self.rse,
            "RouteServerPeerId": self.rsp,
            "VpcId": self.vpc,
            "SubnetId": self.subnet,
            "RouteTableId": self.table,
            "PeerAddress": "10.0.1.99",
            "BgpOptions": {"PeerAsn": 65001},
        }
        return {m.name: known[m.name] for m in shape.input.members if m.required}
