"""Which resources each EC2 action is about, as its permissions see them.

After the Service Authorization Reference, "Actions, resources, and condition keys for Amazon EC2".
A row says, by resource type, which parameter names what already exists (``vpc:VpcId``), and with a
plus what the action makes (``+subnet``), whose id in a policy is ``*``. Where a parameter names a
thing that has no ARN of its own, the thing's type stands between: ``route-table@association:
AssociationId`` is the route table of that association. A question mark marks a resource that only
counts when its parameter is given. Actions without a row, among them every Describe, are about
``*``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Target:
    """One resource type of an action."""

    type: str
    path: tuple[str, ...] = ()
    """Where in the parameters its id is; empty for what the action makes."""
    via: str | None = None
    """What the parameter names, when that is not the resource itself."""
    optional: bool = False

    @property
    def is_made(self) -> bool:
        return not self.path


_ROWS: Final[Mapping[str, str]] = {
    # Route servers
    "CreateRouteServer": "+route-server",
    "ModifyRouteServer": "route-server:RouteServerId",
    "DeleteRouteServer": "route-server:RouteServerId",
    "AssociateRouteServer": "route-server:RouteServerId vpc:VpcId",
    "DisassociateRouteServer": "route-server:RouteServerId vpc:VpcId",
    "GetRouteServerAssociations": "route-server:RouteServerId",
    "CreateRouteServerEndpoint": (
        "route-server:RouteServerId subnet:SubnetId +route-server-endpoint"
    ),
    "DeleteRouteServerEndpoint": "route-server-endpoint:RouteServerEndpointId",
    "EnableRouteServerPropagation": "route-server:RouteServerId route-table:RouteTableId",
    "DisableRouteServerPropagation": "route-server:RouteServerId route-table:RouteTableId",
    "GetRouteServerPropagations": "route-server:RouteServerId route-table:RouteTableId?",
    "CreateRouteServerPeer": "route-server-endpoint:RouteServerEndpointId +route-server-peer",
    "DeleteRouteServerPeer": "route-server-peer:RouteServerPeerId",
    "GetRouteServerRoutingDatabase": "route-server:RouteServerId",
    # VPCs and subnets
    "CreateVpc": "+vpc",
    "DeleteVpc": "vpc:VpcId",
    "ModifyVpcAttribute": "vpc:VpcId",
    "ModifyVpcTenancy": "vpc:VpcId",
    "DescribeVpcAttribute": "vpc:VpcId",
    "AssociateVpcCidrBlock": "vpc:VpcId",
    "DisassociateVpcCidrBlock": "vpc@vpc-cidr-association:AssociationId",
    "CreateDefaultVpc": "+vpc",
    "CreateDefaultSubnet": "+subnet",
    "CreateSubnet": "vpc:VpcId +subnet",
    "DeleteSubnet": "subnet:SubnetId",
    "ModifySubnetAttribute": "subnet:SubnetId",
    "AssociateSubnetCidrBlock": "subnet:SubnetId",
    "DisassociateSubnetCidrBlock": "subnet@subnet-cidr-association:AssociationId",
    # Route tables
    "CreateRouteTable": "vpc:VpcId +route-table",
    "DeleteRouteTable": "route-table:RouteTableId",
    "AssociateRouteTable": (
        "route-table:RouteTableId subnet:SubnetId? internet-gateway:GatewayId?"
    ),
    "DisassociateRouteTable": "route-table@association:AssociationId",
    "ReplaceRouteTableAssociation": "route-table:RouteTableId",
    "CreateRoute": "route-table:RouteTableId",
    "ReplaceRoute": "route-table:RouteTableId",
    "DeleteRoute": "route-table:RouteTableId",
    "EnableVgwRoutePropagation": "route-table:RouteTableId",
    "DisableVgwRoutePropagation": "route-table:RouteTableId",
    # Gateways
    "CreateInternetGateway": "+internet-gateway",
    "DeleteInternetGateway": "internet-gateway:InternetGatewayId",
    "AttachInternetGateway": "internet-gateway:InternetGatewayId vpc:VpcId",
    "DetachInternetGateway": "internet-gateway:InternetGatewayId vpc:VpcId",
    "CreateEgressOnlyInternetGateway": "vpc:VpcId +egress-only-internet-gateway",
    "DeleteEgressOnlyInternetGateway": ("egress-only-internet-gateway:EgressOnlyInternetGatewayId"),
    # Network interfaces
    "CreateNetworkInterface": "subnet:SubnetId security-group:Groups? +network-interface",
    "DeleteNetworkInterface": "network-interface:NetworkInterfaceId",
    "ModifyNetworkInterfaceAttribute": (
        "network-interface:NetworkInterfaceId security-group:Groups?"
    ),
    "ResetNetworkInterfaceAttribute": "network-interface:NetworkInterfaceId",
    "DescribeNetworkInterfaceAttribute": "network-interface:NetworkInterfaceId",
    "AttachNetworkInterface": "network-interface:NetworkInterfaceId instance:InstanceId",
    "DetachNetworkInterface": "network-interface@attachment:AttachmentId",
    "AssignPrivateIpAddresses": "network-interface:NetworkInterfaceId",
    "UnassignPrivateIpAddresses": "network-interface:NetworkInterfaceId",
    "AssignIpv6Addresses": "network-interface:NetworkInterfaceId",
    "UnassignIpv6Addresses": "network-interface:NetworkInterfaceId",
    # Security groups and network ACLs
    "CreateSecurityGroup": "vpc:VpcId? +security-group",
    "DeleteSecurityGroup": "security-group:GroupId?",
    "AuthorizeSecurityGroupIngress": "security-group:GroupId?",
    "AuthorizeSecurityGroupEgress": "security-group:GroupId",
    "RevokeSecurityGroupIngress": "security-group:GroupId?",
    "RevokeSecurityGroupEgress": "security-group:GroupId",
    "ModifySecurityGroupRules": "security-group:GroupId",
    "UpdateSecurityGroupRuleDescriptionsIngress": "security-group:GroupId?",
    "UpdateSecurityGroupRuleDescriptionsEgress": "security-group:GroupId?",
    "CreateNetworkAcl": "vpc:VpcId +network-acl",
    "DeleteNetworkAcl": "network-acl:NetworkAclId",
    "CreateNetworkAclEntry": "network-acl:NetworkAclId",
    "ReplaceNetworkAclEntry": "network-acl:NetworkAclId",
    "DeleteNetworkAclEntry": "network-acl:NetworkAclId",
    "ReplaceNetworkAclAssociation": "network-acl:NetworkAclId",
    # DHCP options, prefix lists
    "CreateDhcpOptions": "+dhcp-options",
    "DeleteDhcpOptions": "dhcp-options:DhcpOptionsId",
    "AssociateDhcpOptions": "dhcp-options:DhcpOptionsId vpc:VpcId",
    "CreateManagedPrefixList": "+prefix-list",
    "ModifyManagedPrefixList": "prefix-list:PrefixListId",
    "DeleteManagedPrefixList": "prefix-list:PrefixListId",
    "RestoreManagedPrefixListVersion": "prefix-list:PrefixListId",
    "GetManagedPrefixListEntries": "prefix-list:PrefixListId",
    "GetManagedPrefixListAssociations": "prefix-list:PrefixListId",
    # Instances
    "RunInstances": (
        "+instance subnet:SubnetId? security-group:SecurityGroupIds? image:ImageId? "
        "network-interface:NetworkInterfaces.NetworkInterfaceId?"
    ),
    "TerminateInstances": "instance:InstanceIds",
    "StartInstances": "instance:InstanceIds",
    "StopInstances": "instance:InstanceIds",
    "RebootInstances": "instance:InstanceIds",
    "ModifyInstanceAttribute": "instance:InstanceId",
    "ModifyInstanceMetadataOptions": "instance:InstanceId",
    "DescribeInstanceAttribute": "instance:InstanceId",
    "AssociateIamInstanceProfile": "instance:InstanceId",
    "DisassociateIamInstanceProfile": "instance@profile-association:AssociationId",
    "ReplaceIamInstanceProfileAssociation": "instance@profile-association:AssociationId",
    # Tags: the type is the id's
    "CreateTags": "*:Resources",
    "DeleteTags": "*:Resources",
}

TYPE_OF_PREFIX: Final[Mapping[str, str]] = {
    "acl": "network-acl",
    "dopt": "dhcp-options",
    "eigw": "egress-only-internet-gateway",
    "eni": "network-interface",
    "i": "instance",
    "igw": "internet-gateway",
    "pl": "prefix-list",
    "rs": "route-server",
    "rse": "route-server-endpoint",
    "rsp": "route-server-peer",
    "rtb": "route-table",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "subnet": "subnet",
    "vpc": "vpc",
}


@cache
def targets(action: str) -> tuple[Target, ...]:
    """The resources that an EC2 action is about; empty when it is about ``*``."""
    return tuple(map(_target, _ROWS.get(action, "").split()))


def _target(written: str) -> Target:
    if written.startswith("+"):
        return Target(written[1:])
    of, _, path = written.partition(":")
    type_, _, via = of.partition("@")
    return Target(type_, tuple(path.rstrip("?").split(".")), via or None, path.endswith("?"))


def ids(target: Target, params: Mapping[str, Any]) -> Iterator[str]:
    """The ids that a request's parameters give for a target, in order."""
    found: list[Any] = [params]
    for name in target.path:
        found = [each[name] for each in found if isinstance(each, Mapping) and name in each]
        found = [item for each in found for item in (each if isinstance(each, list) else [each])]
    for each in found:
        if isinstance(each, str):
            yield each


def type_of(resource_id: str) -> str:
    """The resource type of an id, by its prefix; ``*`` for none that is known."""
    return TYPE_OF_PREFIX.get(resource_id.rpartition("-")[0], "*")
