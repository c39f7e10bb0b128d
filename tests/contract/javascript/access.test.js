// Who is let in: signatures by the SDK's own signer, in headers and in addresses, and sessions of STS.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { DescribeRouteServersCommand } from "@aws-sdk/client-ec2";
import { GetCallerIdentityCommand, GetSessionTokenCommand, STSClient } from "@aws-sdk/client-sts";
import { Hash } from "@smithy/hash-node";
import { HttpRequest } from "@smithy/protocol-http";
import { SignatureV4 } from "@smithy/signature-v4";

import { client, refusal } from "./support.js";

const look = new DescribeRouteServersCommand({});
const own = {
  accessKeyId: process.env.AWS_ACCESS_KEY_ID,
  secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY,
};
const sts = new STSClient({ maxAttempts: 1 });
after(() => sts.destroy());

for (const [what, settings, code, status] of [
  ["an unknown key", { credentials: { ...own, accessKeyId: "AKIAIOSFODNN7EXAMPLE" } }, "AuthFailure", 401],
  ["a wrong secret", { credentials: { ...own, secretAccessKey: "wrong" } }, "AuthFailure", 401],
  ["a made-up token", { credentials: { ...own, sessionToken: "made-up" } }, "AuthFailure", 401],
  // The SDK corrects its clock by the answer to the first try; there is no second.
  ["a clock ten minutes slow", { systemClockOffset: -600_000 }, "RequestExpired", 400],
]) {
  test(`${what} is ${code}`, async () => {
    const ec2 = client(settings);
    const error = await refusal(ec2.send(look));
    assert.equal(error?.name, code);
    assert.equal(error.$metadata.httpStatusCode, status);
    ec2.destroy();
  });
}

test("a session of STS is its user's", async () => {
  const who = await sts.send(new GetCallerIdentityCommand({}));
  assert.match(who.Arn, new RegExp(`^arn:aws:iam::${who.Account}:`));
  const { Credentials } = await sts.send(new GetSessionTokenCommand({ DurationSeconds: 900 }));
  assert.ok(Credentials.Expiration instanceof Date);
  const ec2 = client({
    credentials: {
      accessKeyId: Credentials.AccessKeyId,
      secretAccessKey: Credentials.SecretAccessKey,
      sessionToken: Credentials.SessionToken,
    },
  });
  assert.ok(Array.isArray((await ec2.send(look)).RouteServers));
  ec2.destroy();
});

async function presigned(expiresIn, signingDate) {
  const { hostname, port, protocol } = new URL(process.env.AWS_ENDPOINT_URL);
  const signer = new SignatureV4({
    service: "ec2",
    region: process.env.AWS_REGION,
    credentials: own,
    sha256: Hash.bind(null, "sha256"),
  });
  const request = new HttpRequest({
    protocol,
    hostname,
    port: Number(port),
    method: "GET",
    path: "/",
    query: { Action: "DescribeRouteServers", Version: "2016-11-15", MaxResults: "5" },
    headers: { host: `${hostname}:${port}` },
  });
  const signed = await signer.presign(request, { expiresIn, signingDate });
  return `${process.env.AWS_ENDPOINT_URL}/?${new URLSearchParams(signed.query)}`;
}

test("a presigned address is a request until it expires", async () => {
  const answer = await fetch(await presigned(300));
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  assert.match(text, /<DescribeRouteServersResponse .*<routeServerSet/s);
  const late = await fetch(await presigned(60, new Date(Date.now() - 120_000)));
  assert.equal(late.status, 400);
  assert.match(await late.text(), /<Code>RequestExpired<\/Code>/);
  const changed = await fetch((await presigned(300)).replace("MaxResults=5", "MaxResults=6"));
  assert.equal(changed.status, 401);
  assert.match(await changed.text(), /<Code>AuthFailure<\/Code>/);
});
