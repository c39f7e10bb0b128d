"""A network ACL as the EC2 answer shows it: its entries by direction and number, its subnets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from routeserver.control.call import Answer
from routeserver.control.tagging import tag_list
from routeserver.domain.network import NetworkAcl, NetworkAclAssociation, NetworkAclEntry


def network_acl(
    row: NetworkAcl,
    entries: Iterable[NetworkAclEntry],
    associations: Iterable[NetworkAclAssociation],
    tags: Mapping[str, str],
) -> Answer:
    ordered = sorted(entries, key=lambda entry: (not entry.is_egress, entry.rule_number))
    return {
        "NetworkAclId": row.id,
        "VpcId": row.vpc_id,
        "OwnerId": row.account_id,
        "IsDefault": row.is_default,
        "Entries": [entry(each) for each in ordered],
        "Associations": [
            {
                "NetworkAclAssociationId": link.id,
                "NetworkAclId": link.network_acl_id,
                "SubnetId": link.subnet_id,
            }
            for link in associations
        ],
        "Tags": tag_list(tags),
    }


def entry(row: NetworkAclEntry) -> Answer:
    shown: Answer = {
        "Egress": row.is_egress,
        "Protocol": row.protocol,
        "RuleAction": row.action,
        "RuleNumber": row.rule_number,
        "Ipv6CidrBlock" if ":" in row.cidr else "CidrBlock": row.cidr,
    }
    if row.from_port is not None:
        shown["PortRange"] = {"From": row.from_port, "To": row.to_port}
    if row.icmp_type is not None:
        shown["IcmpTypeCode"] = {"Type": row.icmp_type, "Code": row.icmp_code}
    return shown
