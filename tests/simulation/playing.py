"""Plays a scenario with the real speaker and the model side by side, and compares them whenever the
network is quiet.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from random import Random
from typing import Final, TypeAlias

from structlog.testing import capture_logs

from routeserver.net.peering import (
    AWS_DEFAULTS,
    ImportAction,
    ImportRule,
    PeerSettings,
    PrefixRange,
)
from routeserver.net.prefix import Family, Prefix, parse_prefix
from routeserver.rib.path import Path
from routeserver.rib.rib import Rib
from routeserver.speaker.speaker import Speaker
from routeserver.speaker.spec import EndpointSpec, Limits, PeerSpec, RouteServerSpec, Timers
from tests.simulation.appliance import Appliance
from tests.simulation.model import OWN_ASN, Model, Peer, Terms, policy_of
from tests.simulation.network import Network
from tests.simulation.scenario import PEERS, Scenario, Step
from tests.simulation.virtual import VirtualLoop

ENDPOINT: Final = "10.0.0.1"
ADDRESSES: Final = {"rsp-a": "10.0.0.10", "rsp-b": "10.0.0.9", "rsp-c": "10.0.0.11"}
ASNS: Final = {"rsp-a": 65_001, "rsp-b": 65_002, "rsp-c": 65_001}
QUIET_S: Final = 1.013_7
"""The longest that anything is under way; not a number that timers are made of."""
HOLD_S: Final = 30
LONG_LIVED_S: Final = 200

POOL: Final[list[Prefix]] = [
    parse_prefix(text)
    for text in (
        "10.1.0.0/16", "10.2.0.0/16", "10.2.0.0/24", "192.0.2.0/24", "198.51.100.0/24", "0.0.0.0/0",
        "203.0.113.7/32", "2001:db8::/32", "2001:db8:1::/48", "2001:db8::1/128", "::/0",
    )
]  # fmt: skip

POLICIES: Final[dict[str, tuple[ImportRule, ...]]] = {
    "": (),
    "reject 10/8": (
        ImportRule("r", ImportAction.REJECT, (PrefixRange(parse_prefix("10.0.0.0/8"), 8, 32),)),
    ),
    "med 7": (ImportRule("m", set_med=7),),
    "prefer 200": (ImportRule("p", set_preference=200),),
    "reject all": (ImportRule("x", ImportAction.REJECT),),
}


class Difference(AssertionError):  # noqa: N818 - what was found
    """The speaker and the model disagree, or something happened that must not."""


class Play:
    def __init__(self, scenario: Scenario, loop: VirtualLoop, steps: Steps) -> None:
        self.scenario = scenario
        self.steps = steps
        self.loop = loop
        self.network = Network(loop, Random(scenario.seed))
        random = Random(scenario.seed)
        persist = random.randrange(2) == 0
        self.spec = RouteServerSpec(
            "rs-1", OWN_ASN, persist=persist, accept_loopback_next_hops=True
        )
        self.model = Model(persist, self.spec.persist_duration_s)
        self.settings = {peer_id: _some_settings(random) for peer_id in PEERS}
        self.configured = set(PEERS)
        self.bfd_up = {peer_id for peer_id in PEERS if random.randrange(3)}
        self.bfd_off: set[str] = set()
        self.causes: dict[str, str] = {}
        self.seen_fib: dict[Prefix, Path] = {}
        self.appliances = {
            peer_id: Appliance(self.network, peer_id, ADDRESSES[peer_id], ASNS[peer_id])
            for peer_id in PEERS
        }
        self.speaker = self._new_speaker(0.0)

    def _new_speaker(self, deferral_s: float) -> Speaker:
        self.deferred_until = self.loop.time() + deferral_s
        return Speaker(
            listen=self.network.listen,
            port=179,
            clock=self.loop.time,
            sink=self,
            timers=Timers(restart_window_s=deferral_s, selection_deferral_s=deferral_s),
            slice_size=self.scenario.slice_size,
            limits=Limits(max_fib_routes=self.scenario.max_fib),
        )

    async def restart(self, deferral_s: float) -> None:
        """The process ends, telling every peer, and another one begins that knows nothing."""
        for peer_id in self.model.peers:
            self.expects(peer_id, "final")
        await self.speaker.close()
        self.causes.clear()
        self.seen_fib.clear()
        self.model = Model(self.spec.persist, self.spec.persist_duration_s)
        self.speaker = self._new_speaker(deferral_s)
        await self.converge()
        for peer_id in self.bfd_up & self.configured:  # BFD lives on in a process of its own
            self.speaker.bfd_up(peer_id)
        for peer_id in self.bfd_off & self.configured:
            self.speaker.bfd_not_up(peer_id, admin_down=True)

    # --- spec.Sink ------------------------------------------------------------------------------

    def fib_changed(self, _: str, delta: Mapping[Prefix, Path | None]) -> None:
        for prefix, path in delta.items():
            if path is None:
                self.seen_fib.pop(prefix, None)
            else:
                self.seen_fib[prefix] = path

    def session_changed(self, peer_id: str, up: bool, reason: str) -> None:
        now = self.loop.time()
        if up:
            self.causes.pop(peer_id, None)
            self.model.session_up(peer_id, self._terms(peer_id), now)
            return
        if peer_id not in self.model.peers:
            return  # removed
        self.deliver(peer_id)
        cause = self.causes.pop(peer_id, None)
        if cause is None:
            self.loop.failures.append(f"the session of {peer_id} ended for no reason: {reason}")
        self.model.session_down(peer_id, cause or "lost", now)

    def _terms(self, peer_id: str) -> Terms | None:
        ledger = self.appliances[peer_id].ledger
        assert ledger is not None
        offer, long_lived = ledger.config.graceful_restart, ledger.config.long_lived
        ours = self.settings[peer_id]
        if offer is None or not ours.graceful_restart:
            return None
        named = [f for f in Family if f in offer.families or f in offer.forwarding]
        preserved = set(offer.forwarding)
        times: dict[Family, float] = {}
        if long_lived is not None and ours.long_lived_stale_time_s:
            times = {f: min(s, ours.long_lived_stale_time_s) for f, s in long_lived.stale_times_s}
            preserved |= set(long_lived.forwarding) & times.keys()
        return Terms(
            dict.fromkeys(named, float(min(offer.restart_time_s, ours.stale_time_s))),
            times,
            frozenset(preserved),
            offer.notification,
            ours.stale_time_s,
        )

    def deliver(self, peer_id: str) -> None:
        """What has arrived by now, the model knows."""
        ledger = self.appliances[peer_id].ledger
        if ledger is not None and peer_id in self.model.peers and self.model.peers[peer_id].up:
            for said in ledger.take_arrived():
                self.model.said(peer_id, said)

    # --- the play -------------------------------------------------------------------------------

    async def run(self) -> None:
        await self.converge()
        for peer_id in self.bfd_up:
            self.speaker.bfd_up(peer_id)
        for number, step in enumerate(self.scenario.steps):
            try:
                await self.steps[step.kind](self, step, Random(step.number))
                await self.quiet()
                self.check()
            except Difference as difference:
                raise Difference(f"at step {number} ({step}): {difference}") from difference
        await self.end()

    async def pass_time(self, seconds: float) -> None:
        done = self.loop.create_future()
        self.loop.call_later(seconds, done.set_result, None)
        await done

    async def quiet(self) -> None:
        await self.pass_time(QUIET_S)
        if self.loop.failures:
            raise Difference("; ".join(self.loop.failures))

    async def converge(self) -> None:
        now = self.loop.time()
        for peer_id in PEERS:
            if peer_id in self.configured and peer_id not in self.model.peers:
                new = self.model.peers[peer_id] = Peer(peer_id, ADDRESSES[peer_id])
                new.bfd_is_up = peer_id in self.bfd_up
                new.bfd_is_off = peer_id in self.bfd_off
            elif peer_id not in self.configured and peer_id in self.model.peers:
                self.deliver(peer_id)
                self.model.peer_removed(peer_id, now)
                self.bfd_up.discard(peer_id)
                self.bfd_off.discard(peer_id)
        for peer in self.model.peers.values():
            ours = self.settings[peer.peer_id]
            peer.limit = ours.max_prefixes
            peer.waits_for_bfd = ours.bgp_waits_for_bfd
            peer.patience.first_s = ours.idle_hold_s
            peer.patience.longest_s = ours.idle_hold_max_s
            rules = ours.import_rules
            policy = policy_of(next(k for k, v in POLICIES.items() if v == rules))
            self.model.judge_again(peer.peer_id, policy)
        peers = tuple(
            PeerSpec(p, ADDRESSES[p], ASNS[p], bfd=True, settings=self.settings[p])
            for p in PEERS
            if p in self.configured
        )
        self.spec = replace(self.spec, endpoints=(EndpointSpec("rse-1", ENDPOINT, peers),))
        reasons = await self.speaker.converge({"rs-1": self.spec})
        if any(reasons.values()):
            raise Difference(f"an endpoint does not listen: {reasons}")

    def check(self) -> None:
        model, speaker = self.model, self.speaker
        for peer_id in PEERS:
            self.deliver(peer_id)
        model.pass_time(self.loop.time())
        rib = speaker.rib("rs-1")
        assert rib is not None
        is_deferring = speaker._running["rs-1"].owner.is_deferring
        if is_deferring and self.loop.time() > self.deferred_until + 1:
            raise Difference("the decision is deferred beyond its time")
        if not is_deferring:
            _same("work that waits", rib.pending(), 0)
            self.check_fib(rib)
        for peer in model.peers.values():
            _same(f"{peer.peer_id} is up", speaker.is_established(peer.peer_id), peer.up)
        _same("persisting", speaker.are_routes_persisted("rs-1"), model.persisting)
        for prefix in POOL:
            found = [(p.source.peer_id, p.attributes) for p in rib.candidates(prefix)]
            _same(f"paths of {prefix:x}", found, model.candidates(prefix))
            refused = [p.source.peer_id for p in rib.rejected(prefix)]
            _same(f"rejected paths of {prefix:x}", refused, model.rejected(prefix))
        counted = {i: (c.routes, c.held) for i, c in rib.counts.per_peer.items()}
        expected = {
            peer.peer_id: (len(peer.routes), sum(r.stale for r in peer.routes.values()))
            for peer in model.peers.values()
            if peer.up or peer.routes
        }
        _same("counts", counted, expected)

    def check_fib(self, rib: Rib) -> None:
        best = self.model.fib()
        if self.scenario.max_fib is not None:
            # Which of them got in depends on what came when; how many, and that each is the best
            # of its prefix, does not.
            _same("FIB size", len(rib.fib), min(len(best), self.scenario.max_fib))
            _same("refused", set(rib.refused), best.keys() - rib.fib.keys())
            best = {prefix: path for prefix, path in best.items() if prefix in rib.fib}
        for fib in (rib.fib, self.seen_fib):
            shown = {prefix: (p.source.peer_id, p.attributes) for prefix, p in fib.items()}
            _same("FIB", shown, best)

    async def end(self) -> None:
        """All peers go: nothing may be left of them."""
        self.configured.clear()
        await self.converge()
        await self.pass_time(10)
        self.check()
        rib = self.speaker.rib("rs-1")
        assert rib is not None
        _same("peers of the RIB", rib._generations.peers, {})
        _same("paths left", [s for s in rib._paths.sets if s is not None], [])
        _same("prefixes left", [table.index.prefixes for table in rib._tables], [0, 0])
        pending = self.speaker._around.pending
        _same("pending connections", (len(pending), dict(pending._counts)), (0, {}))
        await self.speaker.close()
        for appliance in self.appliances.values():
            appliance.forget()
        await self.pass_time(10)
        _same("timers left", self.loop.waiting(), 0)

    # --- for steps ------------------------------------------------------------------------------

    def expects(self, peer_id: str, cause: str) -> None:
        """The next end of the session is for this reason, unless something came first."""
        if self.speaker.is_established(peer_id) or self.model_is_up(peer_id):
            self.causes.setdefault(peer_id, cause)

    def model_is_up(self, peer_id: str) -> bool:
        peer = self.model.peers.get(peer_id)
        return peer is not None and peer.up

    def is_reached(self, peer_id: str) -> bool:
        """What the appliance says arrives."""
        appliance = self.appliances[peer_id]
        link = appliance.link
        return appliance.is_established and link is not None and not link.is_silent

    def bfd_stands(self, peer_id: str, *, is_up: bool = False, is_off: bool = False) -> None:
        """For the model, and for speakers to come."""
        peer = self.model.peers[peer_id]
        peer.bfd_is_up, peer.bfd_is_off = is_up, is_off
        for which, is_so in ((self.bfd_up, is_up), (self.bfd_off, is_off)):
            if is_so:
                which.add(peer_id)
            else:
                which.discard(peer_id)

    async def set(self, peer_id: str, **changes: object) -> None:
        self.deliver(peer_id)
        old = self.settings[peer_id]
        new = replace(old, **changes)  # type: ignore[arg-type]
        self.settings[peer_id] = new
        peer = self.model.peers.get(peer_id)
        if peer is not None and new != old:
            # Somebody has seen to the peer: it gets another chance.
            peer.patience.forgive()
        if peer is not None and peer.up and peer.terms is not None:
            # Our own bounds hold at once, for a session that is up.
            times = {
                f: min(s, new.long_lived_stale_time_s) for f, s in peer.terms.long_lived_s.items()
            }
            peer.terms = replace(peer.terms, long_lived_s=times)
        await self.converge()


def _some_settings(random: Random) -> PeerSettings:
    restarts = random.randrange(4) > 0
    return replace(
        AWS_DEFAULTS,
        graceful_restart=restarts,
        long_lived_stale_time_s=LONG_LIVED_S if restarts and random.randrange(2) else 0,
        enhanced_refresh=random.randrange(4) > 0,
        bgp_waits_for_bfd=random.randrange(4) == 0,
        idle_hold_s=random.choice([0, 0, 1, 20]),
        idle_hold_max_s=random.choice([30, 120]),
        # An appliance that has no routes left has none to send again.
        refresh_wait_s=None,
    )


def _same(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise Difference(f"{what}: {found!r}, and by the model {expected!r}")


Steps: TypeAlias = Mapping[str, Callable[["Play", Step, Random], Awaitable[None]]]


def play(scenario: Scenario, steps: Steps) -> str | None:
    """What went wrong, in words; None when nothing did."""
    loop = VirtualLoop()
    playing: Play | None = None
    with capture_logs() as logs:
        try:

            async def begin() -> None:
                nonlocal playing
                playing = Play(scenario, loop, steps)
                await playing.run()

            loop.run_until_complete(begin())
        except Difference as difference:
            failed = [log for log in logs if log["event"].endswith("_failed")]
            return f"{difference} {failed or ''}"
        else:
            failed = [log for log in logs if log["event"].endswith("_failed")]
            return f"failures were logged: {failed}" if failed else None
        finally:
            if playing is not None:
                playing.network.close()
            loop.close()


def shrunk(scenario: Scenario, steps: Steps) -> Scenario:
    """The same without the steps that it also fails without."""
    size = len(scenario.steps)
    while size:
        size = max(1, size // 2)
        start = 0
        while start < len(scenario.steps):
            smaller = scenario.without(start, start + size)
            if play(smaller, steps) is not None:
                scenario = smaller
            else:
                start += size
        if size == 1:
            break
    return scenario
