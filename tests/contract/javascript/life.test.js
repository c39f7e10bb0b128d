// The seventeen operations from creation to tear-down, each with its states and its answer's members.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, test } from "node:test";

import {
  AssociateRouteServerCommand,
  AssociateRouteTableCommand,
  CreateNetworkInterfaceCommand,
  CreateRouteServerCommand,
  CreateRouteServerEndpointCommand,
  CreateRouteServerPeerCommand,
  DeleteRouteServerCommand,
  DeleteRouteServerEndpointCommand,
  DeleteRouteServerPeerCommand,
  DescribeRouteServerEndpointsCommand,
  DescribeRouteServerPeersCommand,
  DescribeRouteServersCommand,
  DescribeRouteTablesCommand,
  DisableRouteServerPropagationCommand,
  DisassociateRouteServerCommand,
  EnableRouteServerPropagationCommand,
  GetRouteServerAssociationsCommand,
  GetRouteServerPropagationsCommand,
  GetRouteServerRoutingDatabaseCommand,
  ModifyRouteServerCommand,
} from "@aws-sdk/client-ec2";

import { client, eventually, makeNetwork, refusal } from "./support.js";

const ec2 = client();
after(() => ec2.destroy());

const server = async (RouteServerId) =>
  (await ec2.send(new DescribeRouteServersCommand({ RouteServerIds: [RouteServerId] }))).RouteServers[0];
const endpoint = async (id) =>
  (await ec2.send(new DescribeRouteServerEndpointsCommand({ RouteServerEndpointIds: [id] })))
    .RouteServerEndpoints[0];
const peer = async (id) =>
  (await ec2.send(new DescribeRouteServerPeersCommand({ RouteServerPeerIds: [id] }))).RouteServerPeers[0];
const isIn = (state) => (resource) => resource.State === state;

function appliance(t, ...options) {
  const child = spawn(process.env.ROUTESERVER_COMMAND, ["appliance", ...options], { stdio: "ignore" });
  t.after(() => child.kill());
}

test("the seventeen operations, in Amazon's order and back", async (t) => {
  const network = await makeNetwork(ec2, "127.60");
  const address = "127.60.1.10";
  const { VpcId, SubnetId, RouteTableId } = network;
  await ec2.send(new AssociateRouteTableCommand({ RouteTableId, SubnetId }));
  const nic = await ec2.send(
    new CreateNetworkInterfaceCommand({ SubnetId, PrivateIpAddress: address }),
  );

  const made = (await ec2.send(new CreateRouteServerCommand({ AmazonSideAsn: 4200000001 }))).RouteServer;
  const { RouteServerId } = made;
  assert.match(RouteServerId, /^rs-[0-9a-f]{17}$/);
  assert.deepEqual(made, {
    RouteServerId,
    AmazonSideAsn: 4200000001,
    State: "pending",
    PersistRoutesState: "disabled",
    SnsNotificationsEnabled: false,
  });
  const shown = await eventually(() => server(RouteServerId), isIn("available"));
  assert.deepEqual(shown.Tags, []);

  const link = { RouteServerId, VpcId };
  const associated = await ec2.send(new AssociateRouteServerCommand(link));
  assert.deepEqual(associated.RouteServerAssociation, { ...link, State: "associating" });
  await eventually(
    async () =>
      (await ec2.send(new GetRouteServerAssociationsCommand({ RouteServerId }))).RouteServerAssociations[0],
    isIn("associated"),
  );

  const born = (await ec2.send(new CreateRouteServerEndpointCommand({ RouteServerId, SubnetId })))
    .RouteServerEndpoint;
  const { RouteServerEndpointId } = born;
  assert.deepEqual(born, { RouteServerId, RouteServerEndpointId, VpcId, SubnetId, State: "pending" });
  const open = await eventually(() => endpoint(RouteServerEndpointId), isIn("available"));
  assert.match(open.EniId, /^eni-[0-9a-f]{17}$/);
  assert.match(open.EniAddress, /^127\.60\.1\.\d+$/);

  const spread = { RouteServerId, RouteTableId };
  const enabled = await ec2.send(new EnableRouteServerPropagationCommand(spread));
  assert.deepEqual(enabled.RouteServerPropagation, { ...spread, State: "pending" });
  await eventually(
    async () => (await ec2.send(new GetRouteServerPropagationsCommand(spread))).RouteServerPropagations[0],
    isIn("available"),
  );

  const met = (
    await ec2.send(
      new CreateRouteServerPeerCommand({
        RouteServerEndpointId,
        PeerAddress: address,
        BgpOptions: { PeerAsn: 4200000002, PeerLivenessDetection: "bfd" },
      }),
    )
  ).RouteServerPeer;
  const { RouteServerPeerId } = met;
  assert.deepEqual(met, {
    RouteServerPeerId,
    RouteServerEndpointId,
    RouteServerId,
    VpcId,
    SubnetId,
    State: "pending",
    EndpointEniId: open.EniId,
    EndpointEniAddress: open.EniAddress,
    PeerAddress: address,
    BgpOptions: { PeerAsn: 4200000002, PeerLivenessDetection: "bfd" },
    BgpStatus: { Status: "down" },
    BfdStatus: { Status: "down" },
  });
  await eventually(() => peer(RouteServerPeerId), isIn("available"));

  appliance(
    t,
    `--local=${address}`,
    `--peer=${open.EniAddress}:${process.env.ROUTESERVER_BGP_PORT}`,
    "--asn=4200000002",
    "--peer-asn=4200000001",
    "--med=4294967295",
    "--announce=10.20.0.0/16",
  );
  await eventually(
    () => peer(RouteServerPeerId),
    (seen) => seen.BgpStatus.Status === "up",
  );
  const database = await eventually(
    () => ec2.send(new GetRouteServerRoutingDatabaseCommand({ RouteServerId })),
    (seen) => seen.Routes[0]?.RouteInstallationDetails[0]?.RouteInstallationStatus === "installed",
  );
  assert.equal(database.AreRoutesPersisted, false);
  assert.equal(database.NextToken, undefined);
  // BGP's MED has 32 bits without a sign; the SDK's integer has one.
  assert.deepEqual(database.Routes, [
    {
      RouteServerEndpointId,
      RouteServerPeerId,
      RouteInstallationDetails: [{ RouteTableId, RouteInstallationStatus: "installed" }],
      RouteStatus: "in-fib",
      Prefix: "10.20.0.0/16",
      AsPaths: ["4200000002"],
      Med: 2147483647,
      NextHopIp: address,
    },
  ]);
  const tables = await ec2.send(new DescribeRouteTablesCommand({ RouteTableIds: [RouteTableId] }));
  const route = tables.RouteTables[0].Routes.find((one) => one.Origin === "Advertisement");
  assert.deepEqual(route, {
    DestinationCidrBlock: "10.20.0.0/16",
    IpAddress: address,
    NetworkInterfaceId: nic.NetworkInterface.NetworkInterfaceId,
    Origin: "Advertisement",
    State: "active",
  });

  const changed = await ec2.send(
    new ModifyRouteServerCommand({ RouteServerId, PersistRoutes: "enable", PersistRoutesDuration: 2 }),
  );
  assert.deepEqual(
    [changed.RouteServer.State, changed.RouteServer.PersistRoutesState],
    ["modifying", "enabling"],
  );
  const settled = await eventually(() => server(RouteServerId), isIn("available"));
  assert.deepEqual([settled.PersistRoutesState, settled.PersistRoutesDuration], ["enabled", 2]);

  const early = await refusal(ec2.send(new DeleteRouteServerCommand({ RouteServerId })));
  assert.equal(early.name, "IncorrectState");
  const unspread = await ec2.send(new DisableRouteServerPropagationCommand(spread));
  assert.equal(unspread.RouteServerPropagation.State, "deleting");
  const left = await ec2.send(new DeleteRouteServerPeerCommand({ RouteServerPeerId }));
  assert.equal(left.RouteServerPeer.State, "deleting");
  await eventually(() => peer(RouteServerPeerId), isIn("deleted"));
  const closed = await ec2.send(new DeleteRouteServerEndpointCommand({ RouteServerEndpointId }));
  assert.equal(closed.RouteServerEndpoint.State, "deleting");
  await eventually(() => endpoint(RouteServerEndpointId), isIn("deleted"));
  await eventually(
    () => refusal(ec2.send(new GetRouteServerPropagationsCommand({ RouteServerId }))),
    (error) => error?.name === "InvalidRouteServerId.NotPropagated",
  );
  const apart = await ec2.send(new DisassociateRouteServerCommand(link));
  assert.equal(apart.RouteServerAssociation.State, "disassociating");
  await eventually(
    () => refusal(ec2.send(new GetRouteServerAssociationsCommand({ RouteServerId }))),
    (error) => error?.name === "InvalidRouteServerId.NotAssociated",
  );
  const gone = await ec2.send(new DeleteRouteServerCommand({ RouteServerId }));
  assert.equal(gone.RouteServer.State, "deleting");
  await eventually(() => server(RouteServerId), isIn("deleted"));
});
