"""Amazon's own managed policies, as far as they mean something here.

The names and what they are for are Amazon's; the documents are written for the services this server
answers, and wider than Amazon's lists of single actions only where those end in the same service.
"""

from __future__ import annotations

import json
from typing import Final

from routeserver.control.access.entities import ManagedPolicy, PolicyVersion


def _policy(name: str, *actions: str) -> ManagedPolicy:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return ManagedPolicy(
        account_id="aws",
        name=name,
        path="/",
        id=f"ANPA{name.upper():X<17.17}",
        created_at=0.0,
        updated_at=0.0,
        versions=(PolicyVersion("v1", document, 0.0),),
        default_version="v1",
    )


_VPC_READS: Final = ("ec2:Describe*", "ec2:GetManagedPrefixList*", "ec2:GetRouteServer*")

AMAZONS: Final[dict[str, ManagedPolicy]] = {
    policy.arn: policy
    for policy in (
        _policy("AdministratorAccess", "*"),
        _policy("AmazonEC2FullAccess", "ec2:*"),
        _policy("AmazonEC2ReadOnlyAccess", "ec2:Describe*", "ec2:Get*"),
        _policy("AmazonVPCFullAccess", "ec2:*"),
        _policy("AmazonVPCReadOnlyAccess", *_VPC_READS),
        _policy("IAMFullAccess", "iam:*"),
        _policy("IAMReadOnlyAccess", "iam:Get*", "iam:List*"),
        _policy("ReadOnlyAccess", "ec2:Describe*", "ec2:Get*", "iam:Get*", "iam:List*"),
        _policy("SecurityAudit", "ec2:Describe*", "iam:Get*", "iam:List*"),
    )
}
