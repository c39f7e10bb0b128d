"""What a peer's session is configured to do: timers, transport security, limits, import rules,
graceful restart and BFD, as one frozen value.

`PeerSettings()` is profile ``aws``: Amazon's behaviour, everything it does not have is off.
`OPEN_DEFAULTS` is profile ``open``. How a mapping becomes settings, and which values are refused,
is in `domain.peer_settings`; nothing here checks anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from routeserver.net.as_path_pattern import AsPathPattern
from routeserver.net.communities import CommunityPattern
from routeserver.net.prefix import Prefix

DEFAULT_ATTRIBUTE_OCTETS: Final = 256 << 20
"""A full Internet table has some 30 MB of distinct attributes."""


class LimitAction(StrEnum):
    """What happens to a peer that sends more prefixes than `max_prefixes`."""

    WARN = "warn"
    """Log and count; the prefixes are taken."""
    DISCARD = "discard"
    """The first are kept, the excess is discarded and counted; the session lives on."""
    RESTART = "restart"
    """Cease / Maximum Number of Prefixes Reached (RFC 4486 §4), then refuse the peer for a while
    that doubles each time."""


class ImportAction(StrEnum):
    """How an import rule ends; CONTINUE applies what the rule sets and goes on to the next."""

    ACCEPT = "accept"
    REJECT = "reject"
    CONTINUE = "continue"


@dataclass(frozen=True, slots=True)
class PrefixRange:
    """Every prefix inside `prefix`, itself included, that is `ge` to `le` bits long."""

    prefix: Prefix
    ge: int
    le: int


@dataclass(frozen=True, slots=True)
class ImportRule:
    """The first rule that matches and does not `CONTINUE` decides.

    An empty condition matches every route; of one that lists several, one has to match; all three
    conditions have to. `reason` is what a user reads of a rejected route; empty stands for a
    sentence with the rule's name. `set_med` and `set_preference` replace; None leaves as it is.
    """

    name: str
    action: ImportAction = ImportAction.ACCEPT
    prefixes: tuple[PrefixRange, ...] = ()
    as_paths: tuple[AsPathPattern, ...] = ()
    communities: tuple[CommunityPattern, ...] = ()
    reason: str = ""
    set_med: int | None = None
    set_preference: int | None = None


@dataclass(frozen=True, slots=True)
class BfdAuthentication:
    """Keyed SHA-1 (RFC 5880 §6.7.4); `secret` has 1 to 20 octets."""

    key_id: int
    secret: bytes = field(repr=False)
    meticulous: bool = True


@dataclass(frozen=True, slots=True)
class PeerSettings:
    """Everything about one peer that is neither its address nor its AS number.

    None stands for the server's own setting (timers, BFD, prefix limit) or for none at all
    (password, TTL security, authentication). Times are seconds unless the name says otherwise.
    """

    # Timers (RFC 4271 §10). The lower hold time of the two sides holds.
    hold_time_s: int | None = None
    keepalive_s: int | None = None
    idle_hold_s: int = 0
    """What a peer that keeps failing is refused for at first; it doubles up to `idle_hold_max_s`
    and decays with time (RFC 4271 §8.1, DampPeerOscillations). 0: never."""
    idle_hold_max_s: int = 120
    send_hold_s: int | None = None
    """RFC 9687; None is its default, 8 minutes or twice the hold time, whichever is longer."""

    # Transport.
    md5_password: str | None = field(default=None, repr=False)
    """TCP MD5 (RFC 2385), 1 to 80 octets."""
    ttl_security_hops: int | None = None
    """GTSM (RFC 5082): how many hops away the peer may be, 1 for directly connected."""

    # Limits.
    max_prefixes: int | None = None
    """Of both families together."""
    max_prefixes_warn_percent: int = 75
    max_prefixes_action: LimitAction = LimitAction.DISCARD
    max_prefixes_restart_s: int = 60
    """The first pause after a RESTART; it doubles up to an hour."""
    max_attribute_octets: int | None = DEFAULT_ATTRIBUTE_OCTETS
    """Of distinct attributes; beyond it Cease / Out of Resources. None: no bound."""

    refresh_wait_s: int | None = 60
    """How long a peer that was asked for its routes again may take to begin to send them; then its
    session is restarted. None: as long as it likes."""

    # Import policy.
    import_rules: tuple[ImportRule, ...] = ()
    import_default: ImportAction = ImportAction.ACCEPT
    """For a route that no rule has decided: ACCEPT or REJECT."""
    graceful_shutdown: bool = False
    """Honour the GRACEFUL_SHUTDOWN community (RFC 8326): preference 0."""

    # Graceful restart.
    graceful_restart: bool = False
    """Offered, and the peer's routes are kept through its restart (RFC 4724 §4.2, RFC 8538)."""
    restart_time_s: int = 120
    """What is offered as our own Restart Time, up to 4095."""
    stale_time_s: int = 360
    """The longest that stale routes are kept, whatever Restart Time the peer offers: once while it
    is away, once more from its return until its End-of-RIB."""
    long_lived_stale_time_s: int = 0
    """RFC 9494: how much longer routes are kept at the lowest preference; 0 is not offered."""

    # Capabilities.
    extended_messages: bool = False
    extended_next_hop: bool = False
    enhanced_refresh: bool = False

    # Old peers.
    accept_as_sets: bool = False
    """Take paths with an AS_SET, which RFC 9774 has withdrawn; else such routes are treated
    as withdrawn."""

    # BFD.
    bgp_waits_for_bfd: bool = False
    """No BGP session without an Up BFD session (RFC 5882 §4.4)."""
    bfd_interval_ms: int | None = None
    bfd_multiplier: int | None = None
    bfd_authentication: BfdAuthentication | None = None


AWS_DEFAULTS: Final = PeerSettings()

OPEN_DEFAULTS: Final = PeerSettings(
    idle_hold_s=1,
    graceful_shutdown=True,
    graceful_restart=True,
    extended_messages=True,
    extended_next_hop=True,
    enhanced_refresh=True,
    bgp_waits_for_bfd=True,
)
"""Profile ``open``: what costs nothing when the peer does not know it. BGP waits for BFD only with
peers that have BFD."""
