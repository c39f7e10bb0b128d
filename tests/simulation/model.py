"""What a route server has to hold and choose, told once more in plain dicts.

Written from RFC 4271 §9.1 (the decision), RFC 4724, 8538 and 9494 (graceful restart, long-lived
too), RFC 7313 (refreshes between marks) and the documentation of persisted routes; it shares no
code with what it judges. It is told facts with their time, and it asks nothing back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from ipaddress import IPv4Address

from routeserver.net.path import PathAttributes, SegmentKind
from routeserver.net.prefix import Family, Prefix, family_of
from tests.simulation.appliance import Announce, Mark, Said, Withdraw

NO_LLGR = 0xFFFF0007
OWN_ASN = 65_000

Policy = Callable[[Prefix, PathAttributes], PathAttributes | None]
"""None rejects."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the two OPENs allow to be kept; times by family, in seconds."""

    restart_s: dict[Family, float] = field(default_factory=dict)
    long_lived_s: dict[Family, float] = field(default_factory=dict)
    preserved: frozenset[Family] = frozenset()
    survives_notification: bool = False
    wait_s: float = 360.0
    """For End-of-RIB, after the return."""


@dataclass(slots=True)
class Route:
    said: PathAttributes
    attributes: PathAttributes
    usable: bool
    stale: bool = False
    demoted: bool = False
    again: bool = True
    """Sent since the refresh that is under way began."""
    router_id: int = 0


@dataclass(slots=True)
class Patience:
    """How long a peer that fails again and again is refused: three times are free, then a first
    pause that doubles up to the longest; half of the failures are forgotten in a minute."""

    first_s: float = 0
    longest_s: float = 120
    failures: list[float] = field(default_factory=list)
    refused_until: float = 0

    def failed(self, now: float) -> None:
        self.failures.append(now)
        too_many = round(sum(0.5 ** ((now - at) / 60) for at in self.failures)) - 3
        if self.first_s and too_many > 0:
            pause = min(self.first_s * 2 ** (too_many - 1), self.longest_s)
            self.refused_until = max(self.refused_until, now + pause)

    def forgive(self) -> None:
        self.failures.clear()
        self.refused_until = 0


@dataclass(slots=True)
class Peer:
    peer_id: str
    address: str
    router_id: int = 0
    up: bool = False
    up_since: float = 0
    terms: Terms | None = None
    routes: dict[Prefix, Route] = field(default_factory=dict)
    policy: Policy = lambda _, attributes: attributes
    limit: int | None = None
    kept_until: dict[Family, float] = field(default_factory=dict)
    """Stale routes of these families wait for the peer, or for its End-of-RIB."""
    is_long_lived: bool = False
    refreshing: set[Family] = field(default_factory=set)
    heard_end_of_rib: set[Family] = field(default_factory=set)
    held: bool = False
    """By persistence."""
    waits_for_bfd: bool = False
    bfd_is_up: bool = False
    bfd_is_off: bool = False
    """At the peer, by its administrator; never while it is up."""
    patience: Patience = field(default_factory=Patience)


class Model:
    def __init__(self, persist: bool, duration_s: float) -> None:
        self.peers: dict[str, Peer] = {}
        self.persist = persist
        self.duration_s = duration_s
        self.persisting = False
        self.grace_since: float | None = None

    # --- facts ----------------------------------------------------------------------------------

    def session_up(self, peer_id: str, terms: Terms | None, now: float) -> None:
        self.pass_time(now)
        peer = self.peers[peer_id]
        peer.up = True
        peer.up_since = now
        peer.router_id = int(IPv4Address(peer.address))
        peer.refreshing.clear()
        peer.heard_end_of_rib.clear()
        preserved = terms.preserved if terms else frozenset()
        for family in list(peer.kept_until):
            if family in preserved:
                # A session that is up waits for the End-of-RIB, no longer for the session.
                peer.kept_until[family] = now + (terms.wait_s if terms else 0)
            else:
                del peer.kept_until[family]
                self._drop(peer, lambda p, r, f=family: r.stale and family_of(p) is f)
        peer.is_long_lived = False
        peer.terms = terms
        if self.persisting and self.grace_since is None:
            self.grace_since = now

    def session_down(self, peer_id: str, how: str, now: float) -> None:
        """`how`: ``lost``, ``notified`` (which some agree to survive), ``changed`` (the same, and
        wanted here), ``asked`` (the same, and wanted there), ``failed`` (survived by nobody) or
        ``final`` (the same, and wanted there)."""
        self.pass_time(now)
        peer = self.peers[peer_id]
        peer.up = False
        is_brief = now - peer.up_since < 5
        if how in {"lost", "notified", "failed"} or (is_brief and how in {"asked", "final"}):
            peer.patience.failed(now)
        if how in {"asked", "changed"}:
            how = "notified"
        terms = peer.terms or Terms()
        survives = how == "lost" or (how == "notified" and terms.survives_notification)
        restart = {f: s for f, s in terms.restart_s.items() if s > 0}
        long_lived = {f: s for f, s in terms.long_lived_s.items() if s > 0}
        if survives and peer.terms is not None and (restart or long_lived):
            if peer.kept_until:
                # RFC 4724 §4.2: a second restart takes what is stale from the first.
                self._drop(peer, lambda _, r: r.stale)
            kept = set(terms.restart_s) | set(long_lived)
            self._drop(peer, lambda p, _: family_of(p) not in kept)
            self._mark_stale(peer)
            longest = max(restart.values(), default=0.0)
            peer.kept_until = dict.fromkeys(kept, now + longest)
            if not restart:
                self._become_long_lived(peer, now)
        else:
            self._lost_for_good(peer)

    def said(self, peer_id: str, said: Said) -> None:
        peer = self.peers[peer_id]
        if not peer.up:
            return
        match said:
            case Announce(attributes, prefixes):
                for prefix in prefixes:
                    self._announce(peer, prefix, attributes)
            case Withdraw(prefixes):
                for prefix in prefixes:
                    peer.routes.pop(prefix, None)
            case Mark():
                self._marked(peer, said)

    def _marked(self, peer: Peer, mark: Mark) -> None:
        family = mark.family
        match mark.kind:
            case "eor":
                peer.heard_end_of_rib.add(family)
                if family in peer.kept_until:
                    del peer.kept_until[family]
                    self._drop(peer, lambda p, r: r.stale and family_of(p) is family)
            case "borr":
                # One that is under way goes on.
                is_first = family not in peer.refreshing
                if is_first and (peer.terms is None or family in peer.heard_end_of_rib):
                    peer.refreshing.add(family)
                    for prefix, route in peer.routes.items():
                        if family_of(prefix) is family and not route.stale:
                            route.again = False
            case _:
                if family in peer.refreshing:
                    peer.refreshing.discard(family)
                    self._drop(peer, lambda p, r: not r.again and family_of(p) is family)

    def admits(self, peer_id: str, now: float) -> bool:
        """A connection of the peer gets a session."""
        peer = self.peers.get(peer_id)
        if peer is None or (peer.waits_for_bfd and not (peer.bfd_is_up or peer.bfd_is_off)):
            return False
        has_restarted = peer.terms is not None and bool(peer.terms.restart_s)
        return now >= peer.patience.refused_until and (not peer.up or has_restarted)

    def judge_again(self, peer_id: str, policy: Policy) -> None:
        """Other rules, for what is there, too."""
        peer = self.peers[peer_id]
        peer.policy = policy
        for prefix, route in peer.routes.items():
            self._judge(peer, prefix, route)

    def _judge(self, peer: Peer, prefix: Prefix, route: Route) -> None:
        loops = any(OWN_ASN in segment.asns for segment in route.said.as_path)
        assigned = route.said if loops else peer.policy(prefix, route.said)
        route.attributes = assigned or route.said
        asks_to_go = route.demoted and NO_LLGR in route.said.communities
        route.usable = not loops and assigned is not None and not asks_to_go

    def forwarding_lost(self, peer_id: str, now: float) -> None:
        self.pass_time(now)
        peer = self.peers[peer_id]
        if peer.kept_until and not peer.up:
            self._lost_for_good(peer)

    def peer_removed(self, peer_id: str, now: float) -> None:
        self.pass_time(now)
        del self.peers[peer_id]
        if self.persisting and not self._any_up():
            self.grace_since = None
        self._nobody_held()

    def configure(self, persist: bool, duration_s: float, now: float) -> None:
        self.pass_time(now)
        self.persist, self.duration_s = persist, duration_s
        if not persist:
            self._release()
        self.pass_time(now)

    def reset(self, now: float) -> None:
        self.pass_time(now)
        self._release()

    def pass_time(self, now: float) -> None:
        while (due := self._next_due()) is not None and due[0] <= now:
            at, act = due
            act(at)

    # --- routes ---------------------------------------------------------------------------------

    def _announce(self, peer: Peer, prefix: Prefix, attributes: PathAttributes) -> None:
        old = peer.routes.get(prefix)
        fresh = sum(not route.stale for route in peer.routes.values())
        is_new = old is None or old.stale
        if is_new and peer.limit is not None and fresh >= peer.limit:
            return
        route = Route(attributes, attributes, True, router_id=peer.router_id)
        self._judge(peer, prefix, route)
        peer.routes[prefix] = route

    def _drop(self, peer: Peer, which: Callable[..., bool]) -> None:
        peer.routes = {p: route for p, route in peer.routes.items() if not which(p, route)}

    def _mark_stale(self, peer: Peer) -> None:
        for route in peer.routes.values():
            route.stale = route.again = True

    # --- what becomes of a lost peer ------------------------------------------------------------

    def _lost_for_good(self, peer: Peer) -> None:
        peer.kept_until.clear()
        peer.is_long_lived = False
        if self.persist and not self._any_up():
            self._mark_stale(peer)
            peer.held = True
            self.persisting = True
            self.grace_since = None
        else:
            peer.routes.clear()
            peer.held = False
            self._nobody_held()

    def _become_long_lived(self, peer: Peer, now: float) -> None:
        terms = peer.terms or Terms()
        times = {f: s for f, s in terms.long_lived_s.items() if s > 0}
        for family in list(peer.kept_until):
            if family not in times:
                self._drop(peer, lambda p, r, f=family: r.stale and family_of(p) is f)
        for route in peer.routes.values():
            if route.stale:
                route.demoted = True
                if NO_LLGR in route.attributes.communities:
                    route.usable = False
        peer.kept_until = {family: now + s for family, s in times.items()}
        peer.is_long_lived = True

    def _time_over(self, peer: Peer, family: Family, now: float) -> None:
        if not peer.up and not peer.is_long_lived:
            if any(s > 0 for s in (peer.terms or Terms()).long_lived_s.values()):
                self._become_long_lived(peer, now)
            else:
                self._lost_for_good(peer)
        elif len(peer.kept_until) == 1 and not peer.up:
            self._lost_for_good(peer)
        else:
            del peer.kept_until[family]
            self._drop(peer, lambda p, r: r.stale and family_of(p) is family)

    # --- persistence ----------------------------------------------------------------------------

    def _release(self) -> None:
        for peer in self.peers.values():
            if peer.held:
                peer.held = False
                if not peer.kept_until:
                    self._drop(peer, lambda _, r: r.stale)
        self._nobody_held()

    def _nobody_held(self) -> None:
        if not any(peer.held for peer in self.peers.values()):
            self.persisting = False
            self.grace_since = None

    def _any_up(self) -> bool:
        return any(peer.up for peer in self.peers.values())

    # --- time -----------------------------------------------------------------------------------

    def _next_due(self) -> tuple[float, Callable[[float], None]] | None:
        due: list[tuple[float, int, Callable[[float], None]]] = []
        for number, peer in enumerate(self.peers.values()):
            for family, at in peer.kept_until.items():
                over = partial(self._time_over, peer, family)
                due.append((at, 2 * number + family, over))
        if self.grace_since is not None:
            due.append((self.grace_since + self.duration_s, 1000, lambda _: self._release()))
        if not due:
            return None
        at, _, act = min(due, key=lambda one: one[:2])
        return at, act

    # --- the answers ----------------------------------------------------------------------------

    def prefixes(self) -> set[Prefix]:
        return {prefix for peer in self.peers.values() for prefix in peer.routes}

    def candidates(self, prefix: Prefix) -> list[tuple[str, PathAttributes]]:
        """Best first: long-lived stale last, then preference, path length, origin, MED, router id,
        address, peer id."""
        found = [
            (_key(route, peer), peer.peer_id, route.attributes)
            for peer in self.peers.values()
            if (route := peer.routes.get(prefix)) is not None and route.usable
        ]
        return [
            (peer_id, attributes)
            for _, peer_id, attributes in sorted(found, key=lambda row: row[0])
        ]

    def rejected(self, prefix: Prefix) -> list[str]:
        return sorted(
            peer.peer_id
            for peer in self.peers.values()
            if (route := peer.routes.get(prefix)) is not None and not route.usable
        )

    def fib(self) -> dict[Prefix, tuple[str, PathAttributes]]:
        best = {prefix: self.candidates(prefix) for prefix in self.prefixes()}
        return {prefix: paths[0] for prefix, paths in best.items() if paths}


def _key(route: Route, peer: Peer) -> tuple[bool, int, int, int, int, int, int, str]:
    attributes = route.attributes
    length = 0
    for segment in attributes.as_path:
        length += 1 if segment.kind is SegmentKind.AS_SET else len(segment.asns)
    return (
        route.demoted,
        -attributes.preference,
        length,
        int(attributes.origin),
        attributes.med or 0,
        route.router_id,
        int(IPv4Address(peer.address)),
        peer.peer_id,
    )


def policy_of(kind: str) -> Policy:
    """The import policies that scenarios use; `scenario.SETTINGS` are the same as rules."""
    match kind:
        case "reject 10/8":
            return lambda prefix, a: (
                None if family_of(prefix) is Family.IPV4 and prefix >> 32 == 10 else a
            )
        case "med 7":
            return lambda _, a: replace(a, med=7)
        case "prefer 200":
            return lambda _, a: replace(a, preference=200)
        case "reject all":
            return lambda *_: None
        case _:
            return lambda _, a: a
