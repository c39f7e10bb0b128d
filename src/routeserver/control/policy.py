"""What a profile allows: every quota and choice an operation looks at, as one frozen value.

`aws` keeps Amazon's published quotas (VPC quotas page); `open` lifts the caps.
None means no cap.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from ipaddress import IPv4Network
from typing import Final

from routeserver.domain.vpc_rules import Shadows


@dataclass(frozen=True, slots=True)
class Quotas:
    route_servers_per_vpc: int | None = 5
    endpoints_per_route_server: int | None = 10
    endpoints_per_route_server_and_subnet: int | None = 2
    peers_per_endpoint: int | None = 20
    routes_per_peer: int | None = 100
    routes_per_fib: int | None = 100
    propagated_routes_per_table: int | None = 100
    static_routes_per_table: int | None = 500
    route_tables_per_vpc: int | None = 200
    cidr_blocks_per_vpc: int | None = 5
    security_groups_per_region: int | None = 2500
    rules_per_security_group: int | None = 60
    security_groups_per_interface: int | None = 5
    network_acls_per_vpc: int | None = 200
    rules_per_network_acl: int | None = 20
    entries_per_prefix_list: int | None = 1000


AMAZON: Final = Quotas()
UNLIMITED: Final = Quotas(**dict.fromkeys((each.name for each in fields(Quotas)), None))


def _nothing(block: IPv4Network) -> None:
    del block


@dataclass(frozen=True, slots=True)
class Policy:
    profile: str = "aws"
    quotas: Quotas = AMAZON
    regions: tuple[str, ...] = ("us-east-1",)
    zones: tuple[str, ...] = ("a", "b", "c")
    """Availability zones of every region, as the letter behind the region's name."""
    accept_loopback_vpc: bool = True
    """Whether a VPC may be made inside 127.0.0.0/8: the loopback fabric's own range."""
    needs_plug: bool = False
    """Whether packets reach a network interface only where it is plugged in; a route to one that is
    not is a blackhole."""
    shadows: Shadows = field(default=_nothing, compare=False)
    """What of this machine's own a VPC with the block would hide, in words; None for nothing."""
    tombstone_s: float = 3600.0
    """How long a deleted route server, endpoint or peer stays described."""
