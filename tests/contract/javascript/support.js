// What the tests share: clients that take everything from the environment, as a user's program does,
// a look that is repeated until the answer is as wanted, and a network to start from.

import {
  CreateRouteTableCommand,
  CreateSubnetCommand,
  CreateVpcCommand,
  EC2Client,
} from "@aws-sdk/client-ec2";
import { createWaiter, WaiterState } from "@smithy/util-waiter";

/** AWS_ENDPOINT_URL, AWS_REGION and the access key come from the environment. */
export function client(settings = {}) {
  return new EC2Client({ maxAttempts: 1, ...settings });
}

/** Poll with the SDK's own waiter until `isWanted` holds of what `look` answers, and answer that. */
export async function eventually(look, isWanted) {
  let seen;
  await createWaiter({ maxWaitTime: 30, minDelay: 0.02, maxDelay: 0.2 }, undefined, async () => {
    seen = await look();
    return { state: isWanted(seen) ? WaiterState.SUCCESS : WaiterState.RETRY, reason: seen };
  });
  return seen;
}

/** The exception that a call ends with; undefined when it succeeds. */
export async function refusal(call) {
  try {
    await call;
  } catch (error) {
    return error;
  }
  return undefined;
}

export async function makeNetwork(ec2, block) {
  const made = await ec2.send(new CreateVpcCommand({ CidrBlock: `${block}.0.0/16` }));
  const VpcId = made.Vpc.VpcId;
  const subnet = await ec2.send(new CreateSubnetCommand({ VpcId, CidrBlock: `${block}.1.0/24` }));
  const table = await ec2.send(new CreateRouteTableCommand({ VpcId }));
  return {
    VpcId,
    SubnetId: subnet.Subnet.SubnetId,
    RouteTableId: table.RouteTable.RouteTableId,
  };
}
