"""Every operation the service answers, spelled out once: its name on the wire, its function,
whether it writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from routeserver.control.call import OperationFn
from routeserver.control.operations import (
    association,
    dhcp_options,
    endpoint,
    internet_gateway,
    network_acl,
    network_interface,
    peer,
    propagation,
    region,
    route,
    route_server,
    route_table,
    routing_database,
    security_group,
    security_group_rule,
    sts,
    subnet,
    tags,
    vpc,
)


@dataclass(frozen=True, slots=True)
class Operation:
    run: OperationFn
    writes: bool


def reads(run: OperationFn) -> Operation:
    return Operation(run, writes=False)


def writes(run: OperationFn) -> Operation:
    return Operation(run, writes=True)


EC2: Final[dict[str, Operation]] = {
    # Route servers
    "CreateRouteServer": writes(route_server.create_route_server),
    "DescribeRouteServers": reads(route_server.describe_route_servers),
    "ModifyRouteServer": writes(route_server.modify_route_server),
    "DeleteRouteServer": writes(route_server.delete_route_server),
    "AssociateRouteServer": writes(association.associate_route_server),
    "DisassociateRouteServer": writes(association.disassociate_route_server),
    "GetRouteServerAssociations": reads(association.get_route_server_associations),
    "CreateRouteServerEndpoint": writes(endpoint.create_route_server_endpoint),
    "DescribeRouteServerEndpoints": reads(endpoint.describe_route_server_endpoints),
    "DeleteRouteServerEndpoint": writes(endpoint.delete_route_server_endpoint),
    "CreateRouteServerPeer": writes(peer.create_route_server_peer),
    "DescribeRouteServerPeers": reads(peer.describe_route_server_peers),
    "DeleteRouteServerPeer": writes(peer.delete_route_server_peer),
    "EnableRouteServerPropagation": writes(propagation.enable_route_server_propagation),
    "DisableRouteServerPropagation": writes(propagation.disable_route_server_propagation),
    "GetRouteServerPropagations": reads(propagation.get_route_server_propagations),
    "GetRouteServerRoutingDatabase": reads(routing_database.get_route_server_routing_database),
    # The VPC around them
    "CreateVpc": writes(vpc.create_vpc),
    "DescribeVpcs": reads(vpc.describe_vpcs),
    "DeleteVpc": writes(vpc.delete_vpc),
    "DescribeVpcAttribute": reads(vpc.describe_vpc_attribute),
    "ModifyVpcAttribute": writes(vpc.modify_vpc_attribute),
    "CreateSubnet": writes(subnet.create_subnet),
    "DescribeSubnets": reads(subnet.describe_subnets),
    "DeleteSubnet": writes(subnet.delete_subnet),
    "ModifySubnetAttribute": writes(subnet.modify_subnet_attribute),
    "CreateRouteTable": writes(route_table.create_route_table),
    "DescribeRouteTables": reads(route_table.describe_route_tables),
    "DeleteRouteTable": writes(route_table.delete_route_table),
    "AssociateRouteTable": writes(route_table.associate_route_table),
    "DisassociateRouteTable": writes(route_table.disassociate_route_table),
    "ReplaceRouteTableAssociation": writes(route_table.replace_route_table_association),
    "CreateRoute": writes(route.create_route),
    "ReplaceRoute": writes(route.replace_route),
    "DeleteRoute": writes(route.delete_route),
    "CreateInternetGateway": writes(internet_gateway.create_internet_gateway),
    "DescribeInternetGateways": reads(internet_gateway.describe_internet_gateways),
    "DeleteInternetGateway": writes(internet_gateway.delete_internet_gateway),
    "AttachInternetGateway": writes(internet_gateway.attach_internet_gateway),
    "DetachInternetGateway": writes(internet_gateway.detach_internet_gateway),
    "CreateNetworkInterface": writes(network_interface.create_network_interface),
    "DescribeNetworkInterfaces": reads(network_interface.describe_network_interfaces),
    "DeleteNetworkInterface": writes(network_interface.delete_network_interface),
    "ModifyNetworkInterfaceAttribute": writes(network_interface.modify_network_interface_attribute),
    "DescribeNetworkInterfaceAttribute": reads(
        network_interface.describe_network_interface_attribute
    ),
    # What filters and configures
    "CreateSecurityGroup": writes(security_group.create_security_group),
    "DescribeSecurityGroups": reads(security_group.describe_security_groups),
    "DeleteSecurityGroup": writes(security_group.delete_security_group),
    "AuthorizeSecurityGroupIngress": writes(security_group_rule.authorize(is_egress=False)),
    "AuthorizeSecurityGroupEgress": writes(security_group_rule.authorize(is_egress=True)),
    "RevokeSecurityGroupIngress": writes(security_group_rule.revoke(is_egress=False)),
    "RevokeSecurityGroupEgress": writes(security_group_rule.revoke(is_egress=True)),
    "UpdateSecurityGroupRuleDescriptionsIngress": writes(
        security_group_rule.update_descriptions(is_egress=False)
    ),
    "UpdateSecurityGroupRuleDescriptionsEgress": writes(
        security_group_rule.update_descriptions(is_egress=True)
    ),
    "ModifySecurityGroupRules": writes(security_group_rule.modify_security_group_rules),
    "DescribeSecurityGroupRules": reads(security_group_rule.describe_security_group_rules),
    "CreateNetworkAcl": writes(network_acl.create_network_acl),
    "DescribeNetworkAcls": reads(network_acl.describe_network_acls),
    "DeleteNetworkAcl": writes(network_acl.delete_network_acl),
    "CreateNetworkAclEntry": writes(network_acl.create_network_acl_entry),
    "ReplaceNetworkAclEntry": writes(network_acl.replace_network_acl_entry),
    "DeleteNetworkAclEntry": writes(network_acl.delete_network_acl_entry),
    "ReplaceNetworkAclAssociation": writes(network_acl.replace_network_acl_association),
    "CreateDhcpOptions": writes(dhcp_options.create_dhcp_options),
    "DescribeDhcpOptions": reads(dhcp_options.describe_dhcp_options),
    "DeleteDhcpOptions": writes(dhcp_options.delete_dhcp_options),
    "AssociateDhcpOptions": writes(dhcp_options.associate_dhcp_options),
    # Tags, and where this is
    "CreateTags": writes(tags.create_tags),
    "DeleteTags": writes(tags.delete_tags),
    "DescribeTags": reads(tags.describe_tags),
    "DescribeAvailabilityZones": reads(region.describe_availability_zones),
    "DescribeRegions": reads(region.describe_regions),
    "DescribeAccountAttributes": reads(region.describe_account_attributes),
}

STS: Final[dict[str, Operation]] = {"GetCallerIdentity": reads(sts.get_caller_identity)}

OPERATIONS: Final[dict[str, dict[str, Operation]]] = {"ec2": EC2, "sts": STS}
