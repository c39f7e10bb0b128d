"""What surrounds the routes of a VPC: security groups, network ACLs, DHCP options, prefix lists and
instances. One frozen value per resource, as in `resources`.

None of it filters, configures or runs anything: it is kept and shown so that clients that manage it
find it as they left it. A CIDR block is text in its canonical form, of either family.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from routeserver.domain.resources import Resource


@dataclass(frozen=True, slots=True)
class SecurityGroup(Resource):
    kind: ClassVar[str] = "security-group"

    vpc_id: str
    name: str
    description: str


@dataclass(frozen=True, slots=True)
class SecurityGroupRule(Resource):
    """Exactly one of block, prefix list or group is set; ports are None where the protocol has
    none. For ICMP they are type and code, -1 for all."""

    kind: ClassVar[str] = "security-group-rule"

    group_id: str
    is_egress: bool
    protocol: str
    from_port: int | None = None
    to_port: int | None = None
    cidr: str | None = None
    prefix_list_id: str | None = None
    referenced_group_id: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class NetworkAcl(Resource):
    kind: ClassVar[str] = "network-acl"

    vpc_id: str
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class NetworkAclEntry(Resource):
    """Its id is ``<acl id>|<ingress or egress>|<rule number>``."""

    network_acl_id: str
    is_egress: bool
    rule_number: int
    protocol: str
    action: str
    cidr: str
    from_port: int | None = None
    to_port: int | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None


@dataclass(frozen=True, slots=True)
class NetworkAclAssociation(Resource):
    """Id ``aclassoc-…``; every subnet has exactly one."""

    network_acl_id: str
    vpc_id: str
    subnet_id: str


@dataclass(frozen=True, slots=True)
class DhcpOptions(Resource):
    """`configurations` are ``key=value`` texts, a key once for each of its values."""

    kind: ClassVar[str] = "dhcp-options"

    configurations: tuple[str, ...]
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class ManagedPrefixList(Resource):
    kind: ClassVar[str] = "prefix-list"

    name: str
    address_family: str
    max_entries: int
    version: int


@dataclass(frozen=True, slots=True)
class PrefixListVersion(Resource):
    """Id ``<pl id>|<version>``; an entry is a block, a blank and its description."""

    prefix_list_id: str
    version: int
    entries: tuple[str, ...]


class InstanceState(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Instance(Resource):
    """A record with network interfaces; it runs nothing."""

    kind: ClassVar[str] = "instance"

    reservation_id: str
    vpc_id: str
    subnet_id: str
    availability_zone: str
    image_id: str
    instance_type: str
    state: InstanceState
    launch_index: int = 0
    launched_at: float = 0.0
    key_name: str | None = None
    user_data: str | None = None
    monitoring: bool = False
    ebs_optimized: bool = False
    disable_api_termination: bool = False
    disable_api_stop: bool = False
    shutdown_behavior: str = "stop"
    client_token: str | None = None
    state_reason: str | None = None
    terminated_at: float | None = None
    metadata_options: str | None = None
    """What was asked of the metadata service, as JSON by the names of the API."""
    cpu_credits: str | None = None


@dataclass(frozen=True, slots=True)
class ProfileAssociation(Resource):
    """Id ``iip-assoc-…``: the IAM instance profile of an instance, which has one at most. The
    profile may be gone."""

    instance_id: str
    profile_arn: str
    profile_id: str
