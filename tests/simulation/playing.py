"""Plays a scenario with the real speaker and the model side by side, and compares them whenever the
network is quiet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from ipaddress import IPv4Address
from random import Random
from typing import Final

from structlog.testing import capture_logs

from routeserver.bgp.errors import Cease, cease
from routeserver.bgp.graceful_restart import GracefulRestartOffer, LongLivedOffer
from routeserver.bgp.negotiation import SessionConfig
from routeserver.net.path import AsSegment, Origin, PathAttributes, SegmentKind
from routeserver.net.peering import (
    AWS_DEFAULTS,
    ImportAction,
    ImportRule,
    PeerSettings,
    PrefixRange,
)
from routeserver.net.prefix import Family, Prefix, family_of, parse_prefix
from routeserver.rib.path import Path
from routeserver.speaker.announcement import mapped
from routeserver.speaker.speaker import Speaker
from routeserver.speaker.spec import EndpointSpec, PeerSpec, RouteServerSpec
from tests.bgp.support import attribute, update
from tests.simulation.appliance import Announce, Appliance, Mark, Withdraw
from tests.simulation.model import NO_LLGR, OWN_ASN, Model, Peer, Terms, policy_of
from tests.simulation.network import Network
from tests.simulation.scenario import PEERS, Scenario, Step
from tests.simulation.virtual import VirtualLoop

ENDPOINT: Final = "10.0.0.1"
ADDRESSES: Final = {"rsp-a": "10.0.0.10", "rsp-b": "10.0.0.9", "rsp-c": "10.0.0.11"}
ASNS: Final = {"rsp-a": 65_001, "rsp-b": 65_002, "rsp-c": 65_001}
QUIET_S: Final = 1.0
"""The longest that anything is under way."""
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


class Difference(AssertionError):
    """The speaker and the model disagree, or something happened that must not."""


class Play:
    def __init__(self, scenario: Scenario, loop: VirtualLoop) -> None:
        self.scenario = scenario
        self.loop = loop
        self.network = Network(loop, Random(scenario.seed))
        self.spec = RouteServerSpec("rs-1", OWN_ASN, accept_loopback_next_hops=True)
        self.model = Model(False, 60)
        self.settings: dict[str, PeerSettings] = dict.fromkeys(PEERS, AWS_DEFAULTS)
        self.configured = set(PEERS)
        self.causes: dict[str, str] = {}
        self.seen_fib: dict[Prefix, Path] = {}
        self.appliances = {
            peer_id: Appliance(self.network, peer_id, ADDRESSES[peer_id], ASNS[peer_id])
            for peer_id in PEERS
        }
        self.speaker = Speaker(
            listen=self.network.listen,
            port=179,
            clock=loop.time,
            sink=self,
            slice_size=scenario.slice_size,
        )

    # --- spec.Sink ------------------------------------------------------------------------------

    def fib_changed(self, route_server_id: str, delta: Mapping[Prefix, Path | None]) -> None:
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
            preserved |= set(long_lived.forwarding)
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
        for number, step in enumerate(self.scenario.steps):
            try:
                await _STEPS[step.kind](self, step, Random(step.number))
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
                self.model.peers[peer_id] = Peer(peer_id, ADDRESSES[peer_id])
            elif peer_id not in self.configured and peer_id in self.model.peers:
                self.deliver(peer_id)
                self.model.peer_removed(peer_id, now)
        for peer in self.model.peers.values():
            peer.limit = self.settings[peer.peer_id].max_prefixes
            rules = self.settings[peer.peer_id].import_rules
            peer.policy = policy_of(next(k for k, v in POLICIES.items() if v == rules))
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
        _same("work that waits", rib.pending(), 0)
        for peer in model.peers.values():
            _same(f"{peer.peer_id} is up", speaker.is_established(peer.peer_id), peer.up)
        _same("persisting", speaker.are_routes_persisted("rs-1"), model.persisting)
        for prefix in POOL:
            found = [(p.source.peer_id, p.attributes) for p in rib.candidates(prefix)]
            _same(f"paths of {prefix:x}", found, model.candidates(prefix))
            refused = [p.source.peer_id for p in rib.rejected(prefix)]
            _same(f"rejected paths of {prefix:x}", refused, model.rejected(prefix))
        for fib in (rib.fib, self.seen_fib):
            shown = {prefix: (p.source.peer_id, p.attributes) for prefix, p in fib.items()}
            _same("FIB", shown, model.fib())
        counted = {i: (c.routes, c.held) for i, c in rib.counts.per_peer.items()}
        expected = {
            peer.peer_id: (len(peer.routes), sum(r.stale for r in peer.routes.values()))
            for peer in model.peers.values()
            if peer.up or peer.routes
        }
        _same("counts", counted, expected)

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
        _same("prefixes left", [table.prefixes for table in rib._tables], [0, 0])
        pending = self.speaker._around.pending
        _same("pending connections", (len(pending), dict(pending._counts)), (0, {}))
        await self.speaker.close()
        for appliance in self.appliances.values():
            appliance.forget()
        await self.pass_time(10)
        _same("timers left", self.loop.waiting(), 0)

    # --- steps ----------------------------------------------------------------------------------

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

    async def dial(self, step: Step, random: Random) -> None:
        appliance = self.appliances[step.peer_id]
        was_up = self.model_is_up(step.peer_id)
        terms = self.model.peers[step.peer_id].terms if was_up else None
        is_configured = step.peer_id in self.configured
        replaces = was_up and terms is not None and bool(terms.restart_s)
        if was_up:
            self.causes.pop(step.peer_id, None)
            self.expects(step.peer_id, "lost" if replaces else "notified")
        appliance.sends_end_of_rib = random.randrange(6) > 0
        self.deliver(step.peer_id)
        appliance.dial(ENDPOINT, self._config(step.peer_id, random))
        await self.quiet()
        if is_configured and (replaces or not was_up) and not self.model_is_up(step.peer_id):
            raise Difference(f"{step.peer_id} gets no session")

    def _config(self, peer_id: str, random: Random) -> SessionConfig:
        restart = long_lived = None
        both = (Family.IPV4, Family.IPV6)
        if random.randrange(2):
            restart = GracefulRestartOffer(
                random.choice([0, 5, 120]),
                restarting=random.randrange(2) == 0,
                notification=random.randrange(2) == 0,
                families=random.choice([both, both, (Family.IPV4,), ()]),
                forwarding=random.choice([both, both, (Family.IPV6,), ()]),
            )
            if random.randrange(2):
                times = [(f, random.choice([0, 50, 1000])) for f in random.choice([both, both[:1]])]
                long_lived = LongLivedOffer(tuple(times), random.choice([both, ()]))
        return SessionConfig(
            local_asn=ASNS[peer_id],
            local_router_id=IPv4Address(ADDRESSES[peer_id]),
            peer_asn=OWN_ASN,
            hold_time_s=HOLD_S,
            enhanced_refresh=random.randrange(3) > 0,
            graceful_restart=restart,
            long_lived=long_lived,
        )

    def _attributes(self, peer_id: str, family: Family, random: Random) -> PathAttributes:
        tail = random.choice([(), (64512,), (64512, 64513)])
        four = IPv4Address(ADDRESSES[peer_id])
        return PathAttributes(
            random.choice([Origin.IGP, Origin.IGP, Origin.INCOMPLETE]),
            (AsSegment(SegmentKind.AS_SEQUENCE, (ASNS[peer_id], *tail)),),
            four if family is Family.IPV4 else mapped(four),
            random.choice([None, 0, 5]),
            communities=random.choice([(), (), (NO_LLGR,)]),
        )

    async def announce(self, step: Step, random: Random) -> None:
        appliance = self.appliances[step.peer_id]
        for _ in range(random.randrange(1, 4)):
            family = random.choice(list(Family))
            pool = [prefix for prefix in POOL if family_of(prefix) is family]
            prefixes = tuple(random.sample(pool, random.randrange(1, len(pool))))
            appliance.say(Announce(self._attributes(step.peer_id, family, random), prefixes))

    async def withdraw(self, step: Step, random: Random) -> None:
        prefixes = tuple(random.sample(POOL, random.randrange(1, 6)))
        self.appliances[step.peer_id].say(Withdraw(prefixes))

    async def loop_back(self, step: Step, random: Random) -> None:
        plain = self._attributes(step.peer_id, Family.IPV4, random)
        path = (AsSegment(SegmentKind.AS_SEQUENCE, (ASNS[step.peer_id], OWN_ASN)),)
        prefixes = tuple(random.sample(POOL[:7], 2))
        self.appliances[step.peer_id].say(Announce(replace(plain, as_path=path), prefixes))

    async def malformed(self, step: Step, random: Random) -> None:
        """An UPDATE whose routes count as withdrawn; the appliance believes that they are there."""
        prefix = random.choice(POOL[:5])
        octets = bytes([prefix & 0xFF]) + (prefix >> 8).to_bytes(4, "big")[: ((prefix & 0xFF) + 7) // 8]
        path = attribute(0x40, 2, b"\2\1" + ASNS[step.peer_id].to_bytes(4, "big"))
        hop = attribute(0x40, 3, IPv4Address(ADDRESSES[step.peer_id]).packed)
        origin = attribute(0x40, 1, b"\0")
        spoilt = random.choice([
            attribute(0x40, 1, b"\x09") + path + hop,
            origin + path,
            origin + attribute(0x40, 2, b"\2\2\0\0") + hop,
            origin + path + hop + attribute(0xC0, 8, b"\0"),
            origin + path + hop + b"\xc0\x08\xff",
        ])
        said = Withdraw((prefix,))
        self.appliances[step.peer_id].say_raw(update(spoilt, octets), said)

    async def ignored(self, step: Step, random: Random) -> None:
        """An attribute list with no routes and a fault that costs an attribute only."""
        appliance = self.appliances[step.peer_id]
        appliance.say_raw(update(b"", b"", b"") if random.randrange(2) else b"", None)
        # An End-of-RIB it was, of IPv4.
        if appliance.is_established and appliance.ledger is not None:
            appliance.say_raw(update(b"", b"", b""), Mark("eor", Family.IPV4))

    async def refresh(self, step: Step, random: Random) -> None:
        appliance = self.appliances[step.peer_id]
        for prefix in random.sample(sorted(appliance.table), min(2, len(appliance.table))):
            del appliance.table[prefix]  # silently: only a refresh between marks tells
        for family in Family:
            appliance.refresh(family)

    async def cut(self, step: Step, random: Random) -> None:
        if self.is_reached(step.peer_id):
            self.expects(step.peer_id, "lost")
        elif self.model_is_up(step.peer_id):
            self.expects(step.peer_id, "notified")
        self.appliances[step.peer_id].cut()

    async def break_off(self, step: Step, random: Random) -> None:
        link = self.appliances[step.peer_id].link
        if not self.is_reached(step.peer_id) or link is None:
            return
        link.breaks_after = random.choice([1, 5, 18, 19, 22, 30, 60, 100])
        self.expects(step.peer_id, "lost")
        await self.announce(step, random)
        await self.pass_time(15)  # a keepalive is enough
        await self.pass_time(60)

    async def fall_silent(self, step: Step, random: Random) -> None:
        link = self.appliances[step.peer_id].link
        if link is not None:
            link.fall_silent()
            self.expects(step.peer_id, "notified")
        if random.randrange(2):
            await self.pass_time(HOLD_S + 1)
            if self.model_is_up(step.peer_id):
                raise Difference(f"{step.peer_id} is silent and nobody has noticed")

    async def shut_down(self, step: Step, random: Random) -> None:
        self._stop(step, Cease.ADMINISTRATIVE_SHUTDOWN, "final")

    async def reset(self, step: Step, random: Random) -> None:
        self._stop(step, Cease.ADMINISTRATIVE_RESET, "notified")

    def _stop(self, step: Step, subcode: Cease, cause: str) -> None:
        if self.is_reached(step.peer_id):
            self.expects(step.peer_id, cause)
        elif self.model_is_up(step.peer_id):
            self.expects(step.peer_id, "notified")
        self.appliances[step.peer_id].stop(cease(subcode))

    async def garbage(self, step: Step, random: Random) -> None:
        if self.is_reached(step.peer_id):
            self.expects(step.peer_id, "notified")
            self.appliances[step.peer_id].say_raw(random.randbytes(19).replace(b"\xff", b"\0"), None)

    async def bfd_down(self, step: Step, random: Random) -> None:
        independent = step.kind != "bfd down"
        now = self.loop.time()
        self.deliver(step.peer_id)
        if step.peer_id in self.configured:
            if self.model_is_up(step.peer_id):
                self.causes[step.peer_id] = "final"
            elif independent:
                self.model.forwarding_lost(step.peer_id, now)
        self.speaker.bfd_down(step.peer_id, independent=independent)

    async def wait(self, step: Step, random: Random) -> None:
        await self.pass_time(random.choice([0.01, 1, 6, 40, 65, 130, 400, 1200]))

    async def jump(self, step: Step, random: Random) -> None:
        if self.model.is_waiting:
            return
        for peer_id in PEERS:
            self.expects(peer_id, "notified")
        self.loop.jump(random.choice([100, 10_000, 1e7]))

    async def persist(self, step: Step, random: Random) -> None:
        persist, duration = random.randrange(4) > 0, random.choice([60, 120, 300])
        self.spec = replace(self.spec, persist=persist, persist_duration_s=duration)
        self.model.configure(persist, duration, self.loop.time())
        await self.converge()

    async def reset_persisted(self, step: Step, random: Random) -> None:
        self.spec = replace(self.spec, reset_serial=self.spec.reset_serial + 1)
        self.model.reset(self.loop.time())
        await self.converge()

    async def policy(self, step: Step, random: Random) -> None:
        rules = POLICIES[random.choice(list(POLICIES))]
        await self._set(step.peer_id, import_rules=rules)

    async def limit(self, step: Step, random: Random) -> None:
        await self._set(step.peer_id, max_prefixes=random.choice([None, 1, 3, 6]))

    async def graceful_restart(self, step: Step, random: Random) -> None:
        is_on = random.randrange(3) > 0
        long_lived = random.choice([0, LONG_LIVED_S]) if is_on else 0
        before = self.settings[step.peer_id]
        if (before.graceful_restart, before.long_lived_stale_time_s) != (is_on, long_lived):
            if self.model_is_up(step.peer_id):
                self.causes[step.peer_id] = "notified"
        await self._set(step.peer_id, graceful_restart=is_on, long_lived_stale_time_s=long_lived)

    async def _set(self, peer_id: str, **changes: object) -> None:
        self.deliver(peer_id)
        self.settings[peer_id] = replace(self.settings[peer_id], **changes)  # type: ignore[arg-type]
        await self.converge()

    async def remove(self, step: Step, random: Random) -> None:
        self.configured.discard(step.peer_id)
        await self.converge()

    async def add(self, step: Step, random: Random) -> None:
        self.configured |= set(PEERS)
        await self.converge()


_STEPS: Final[dict[str, Callable[..., object]]] = {}
_STEPS |= {
    "dial": Play.dial,
    "announce": Play.announce,
    "withdraw": Play.withdraw,
    "loop": Play.loop_back,
    "malformed": Play.malformed,
    "ignored": Play.ignored,
    "refresh": Play.refresh,
    "cut": Play.cut,
    "break": Play.break_off,
    "silent": Play.fall_silent,
    "shutdown": Play.shut_down,
    "reset": Play.reset,
    "garbage": Play.garbage,
    "bfd down": Play.bfd_down,
    "bfd down, independent": Play.bfd_down,
    "wait": Play.wait,
    "jump": Play.jump,
    "persist": Play.persist,
    "reset persisted": Play.reset_persisted,
    "policy": Play.policy,
    "limit": Play.limit,
    "graceful restart": Play.graceful_restart,
    "remove": Play.remove,
    "add": Play.add,
}


def _same(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise Difference(f"{what}: {found!r}, and by the model {expected!r}")


def play(scenario: Scenario) -> str | None:
    """What went wrong, in words; None when nothing did."""
    loop = VirtualLoop()
    playing: Play | None = None
    with capture_logs() as logs:
        try:
            async def begin() -> None:
                nonlocal playing
                playing = Play(scenario, loop)
                await playing.run()

            loop.run_until_complete(begin())
            failed = [log for log in logs if log["event"].endswith("_failed")]
            return f"failures were logged: {failed}" if failed else None
        except Difference as difference:
            failed = [log for log in logs if log["event"].endswith("_failed")]
            return f"{difference} {failed or ''}"
        finally:
            if playing is not None:
                playing.network.close()
            loop.close()


def shrunk(scenario: Scenario) -> Scenario:
    """The same without the steps that it also fails without."""
    size = len(scenario.steps)
    while size:
        size = max(1, size // 2)
        start = 0
        while start < len(scenario.steps):
            smaller = scenario.without(start, start + size)
            if play(smaller) is not None:
                scenario = smaller
            else:
                start += size
        if size == 1:
            break
    return scenario
