// How answers and errors arrive in the SDK: classes, codes, types, texts, pages and waiters.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import {
  CreateRouteServerCommand,
  CreateRouteServerEndpointCommand,
  CreateTagsCommand,
  CreateVpcCommand,
  DeleteRouteServerCommand,
  DescribeInstancesCommand,
  DescribeRouteServerEndpointsCommand,
  DescribeRouteServerPeersCommand,
  DescribeRouteServersCommand,
  DescribeTagsCommand,
  DescribeVpcsCommand,
  EC2ServiceException,
  GetRouteServerRoutingDatabaseCommand,
  paginateDescribeRouteServerEndpoints,
  paginateDescribeRouteServerPeers,
  paginateDescribeRouteServers,
  RunInstancesCommand,
  TerminateInstancesCommand,
  waitUntilInstanceRunning,
  waitUntilInstanceTerminated,
  waitUntilVpcAvailable,
} from "@aws-sdk/client-ec2";

import { client, makeNetwork, refusal } from "./support.js";

const ec2 = client();
after(() => ec2.destroy());

const quick = { client: ec2, maxWaitTime: 20, minDelay: 0.05, maxDelay: 0.2 };

function tagged(kind, tags) {
  return [{ ResourceType: kind, Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) }];
}

test("an error is an EC2ServiceException with its code for a name", async () => {
  const cases = [
    [new DeleteRouteServerCommand({ RouteServerId: "rs-00000000000000000" }), "InvalidRouteServerId.NotFound", 400],
    [new DeleteRouteServerCommand({ RouteServerId: "rs-x" }), "InvalidRouteServerId.Malformed", 400],
    [new CreateRouteServerCommand({ AmazonSideAsn: 0 }), "InvalidParameterValue", 400],
    [new CreateRouteServerCommand({ AmazonSideAsn: 65000, DryRun: true }), "DryRunOperation", 412],
    [new CreateRouteServerCommand({}), "MissingParameter", 400],
    [
      new CreateRouteServerCommand({ AmazonSideAsn: 65000, PersistRoutesDuration: 2 }),
      "InvalidParameterCombination",
      400,
    ],
    [
      new CreateRouteServerEndpointCommand({
        RouteServerId: "rs-00000000000000000",
        SubnetId: "subnet-00000000000000000",
      }),
      "InvalidRouteServerId.NotFound",
      400,
    ],
    [new DescribeRouteServersCommand({ MaxResults: 4 }), "InvalidParameterValue", 400],
    [new DescribeRouteServersCommand({ NextToken: "?" }), "InvalidPaginationToken", 400],
    [
      new GetRouteServerRoutingDatabaseCommand({ RouteServerId: "rs-00000000000000000" }),
      "InvalidRouteServerId.NotFound",
      400,
    ],
  ];
  for (const [command, code, status] of cases) {
    const error = await refusal(ec2.send(command));
    assert.ok(error instanceof EC2ServiceException, `${code}: ${error}`);
    assert.equal(error.name, code);
    assert.equal(error.Code, code);
    assert.equal(error.$fault, "client");
    assert.equal(error.$metadata.httpStatusCode, status);
    assert.match(error.$metadata.requestId, /^[0-9a-f-]{36}$/);
    assert.ok(error.message.length > 10, error.message);
  }
});

test("an empty list is a list", async () => {
  const nobody = [{ Name: "tag:nobody", Values: ["has this"] }];
  const peers = await ec2.send(new DescribeRouteServerPeersCommand({ Filters: nobody }));
  assert.deepEqual(peers.RouteServerPeers, []);
  const ends = await ec2.send(new DescribeRouteServerEndpointsCommand({ Filters: nobody }));
  assert.deepEqual(ends.RouteServerEndpoints, []);
  const vpcs = await ec2.send(new DescribeVpcsCommand({ Filters: nobody }));
  assert.deepEqual(vpcs.Vpcs, []);
});

test("tags of any script come back as they went", async () => {
  const tags = {
    "Ключ 🔑": "значение & <имя> \"x\" 'y'",
    "名前": "ルート サーバー",
    " led by a space": "trailing \u00a0space ",
    empty: "",
    number: "007",
    flag: "true",
    entity: "&amp;&#65;",
    lines: "a\tb\nc",
    "e\u0301": "\u00e9",
  };
  const made = await ec2.send(
    new CreateRouteServerCommand({
      AmazonSideAsn: 65000,
      TagSpecifications: tagged("route-server", tags),
    }),
  );
  const { RouteServerId } = made.RouteServer;
  const asObject = (list) => Object.fromEntries(list.map(({ Key, Value }) => [Key, Value]));
  const described = await ec2.send(new DescribeRouteServersCommand({ RouteServerIds: [RouteServerId] }));
  assert.deepEqual(asObject(described.RouteServers[0].Tags), tags);
  const added = { Key: "später", Value: "ß".repeat(255) };
  await ec2.send(new CreateTagsCommand({ Resources: [RouteServerId], Tags: [added] }));
  const found = await ec2.send(
    new DescribeTagsCommand({
      Filters: [
        { Name: "resource-id", Values: [RouteServerId] },
        { Name: "value", Values: ["ß*"] },
      ],
    }),
  );
  assert.deepEqual(found.Tags, [{ ...added, ResourceId: RouteServerId, ResourceType: "route-server" }]);
});

test("paginators give every object once", async () => {
  const made = new Set();
  for (let number = 0; number < 12; number += 1) {
    const answer = await ec2.send(
      new CreateRouteServerCommand({
        AmazonSideAsn: 65000,
        TagSpecifications: tagged("route-server", { "js-page": `p${number}` }),
      }),
    );
    made.add(answer.RouteServer.RouteServerId);
  }
  const Filters = [{ Name: "tag:js-page", Values: ["p*"] }];
  const sizes = [];
  const seen = [];
  for await (const page of paginateDescribeRouteServers({ client: ec2, pageSize: 5 }, { Filters })) {
    sizes.push(page.RouteServers.length);
    seen.push(...page.RouteServers.map((one) => one.RouteServerId));
  }
  assert.deepEqual(sizes, [5, 5, 2]);
  assert.equal(seen.length, made.size);
  assert.deepEqual(new Set(seen), made);
  for (const [paginate, member] of [
    [paginateDescribeRouteServerEndpoints, "RouteServerEndpoints"],
    [paginateDescribeRouteServerPeers, "RouteServerPeers"],
  ]) {
    for await (const page of paginate({ client: ec2, pageSize: 5 }, { Filters })) {
      assert.deepEqual(page[member], []);
    }
  }
});

test("the token that the SDK puts into a request makes one object of two sendings", async () => {
  const input = { AmazonSideAsn: 65000, ClientToken: "javascript-once" };
  const [one, two] = await Promise.all([
    ec2.send(new CreateRouteServerCommand(input)),
    ec2.send(new CreateRouteServerCommand(input)),
  ]);
  assert.equal(one.RouteServer.RouteServerId, two.RouteServer.RouteServerId);
  const other = await refusal(ec2.send(new CreateRouteServerCommand({ ...input, AmazonSideAsn: 65001 })));
  assert.equal(other.name, "IdempotentParameterMismatch");
});

test("waiters end, and moments are dates", async () => {
  const network = await makeNetwork(ec2, "10.61");
  await waitUntilVpcAvailable(quick, { VpcIds: [network.VpcId] });
  const before = Date.now();
  const run = await ec2.send(
    new RunInstancesCommand({
      ImageId: "ami-0123456789abcdef0",
      InstanceType: "t3.micro",
      MinCount: 1,
      MaxCount: 1,
      SubnetId: network.SubnetId,
    }),
  );
  const InstanceIds = [run.Instances[0].InstanceId];
  await waitUntilInstanceRunning(quick, { InstanceIds });
  const described = await ec2.send(new DescribeInstancesCommand({ InstanceIds }));
  const instance = described.Reservations[0].Instances[0];
  assert.ok(instance.LaunchTime instanceof Date);
  assert.ok(Math.abs(instance.LaunchTime.getTime() - before) < 60_000, String(instance.LaunchTime));
  assert.ok(instance.NetworkInterfaces[0].Attachment.AttachTime instanceof Date);
  assert.equal(instance.SourceDestCheck, true);
  await ec2.send(new TerminateInstancesCommand({ InstanceIds }));
  await waitUntilInstanceTerminated(quick, { InstanceIds });
});

test("a hundred calls at once are answered each with its own", async () => {
  const blocks = Array.from({ length: 100 }, (_, number) => `10.62.${number}.0/24`);
  const made = await Promise.all(blocks.map((CidrBlock) => ec2.send(new CreateVpcCommand({ CidrBlock }))));
  assert.deepEqual(
    made.map((answer) => answer.Vpc.CidrBlock),
    blocks,
  );
});
