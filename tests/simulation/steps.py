"""What each kind of step does to the speaker, the appliances and the model."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from ipaddress import IPv4Address
from random import Random
from typing import Final

from routeserver.bgp.errors import Cease, cease
from routeserver.bgp.graceful_restart import GracefulRestartOffer, LongLivedOffer
from routeserver.bgp.negotiation import SessionConfig
from routeserver.bgp.nlri import encode_prefix
from routeserver.net.path import AsSegment, Origin, PathAttributes, SegmentKind
from routeserver.net.prefix import Family, family_of
from routeserver.speaker.announcement import mapped
from tests.bgp.support import attribute, update
from tests.simulation.appliance import Announce, Mark, Withdraw
from tests.simulation.model import NO_LLGR, OWN_ASN
from tests.simulation.playing import (
    ADDRESSES,
    ASNS,
    ENDPOINT,
    HOLD_S,
    LONG_LIVED_S,
    POLICIES,
    POOL,
    Difference,
    Play,
)
from tests.simulation.scenario import PEERS, Step


async def dial(play: Play, step: Step, random: Random) -> None:
    appliance = play.appliances[step.peer_id]
    was_up = play.model_is_up(step.peer_id)
    admitted = play.model.admits(step.peer_id, play.loop.time())
    if was_up:
        play.causes.pop(step.peer_id, None)
        play.expects(step.peer_id, "lost" if admitted else "notified")
    appliance.sends_end_of_rib = random.randrange(6) > 0
    play.deliver(step.peer_id)
    appliance.dial(ENDPOINT, _config(step.peer_id, random))
    await play.quiet()
    if admitted and not play.model_is_up(step.peer_id):
        raise Difference(f"{step.peer_id} gets no session")
    if not admitted and play.appliances[step.peer_id].is_established:
        raise Difference(f"{step.peer_id} gets a session")


def _config(peer_id: str, random: Random) -> SessionConfig:
    restart = long_lived = None
    both = (Family.IPV4, Family.IPV6)
    if random.randrange(4):
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


def _attributes(peer_id: str, family: Family, random: Random) -> PathAttributes:
    tail = random.choice([(), (64512,), (64512, 64513)])
    four = IPv4Address(ADDRESSES[peer_id])
    return PathAttributes(
        random.choice([Origin.IGP, Origin.IGP, Origin.INCOMPLETE]),
        (AsSegment(SegmentKind.AS_SEQUENCE, (ASNS[peer_id], *tail)),),
        four if family is Family.IPV4 else mapped(four),
        random.choice([None, 0, 5]),
        communities=random.choice([(), (), (NO_LLGR,)]),
    )


async def announce(play: Play, step: Step, random: Random) -> None:
    appliance = play.appliances[step.peer_id]
    for _ in range(random.randrange(1, 4)):
        family = random.choice(list(Family))
        pool = [prefix for prefix in POOL if family_of(prefix) is family]
        prefixes = tuple(random.sample(pool, random.randrange(1, len(pool))))
        appliance.say(Announce(_attributes(step.peer_id, family, random), prefixes))


async def withdraw(play: Play, step: Step, random: Random) -> None:
    prefixes = tuple(random.sample(POOL, random.randrange(1, 6)))
    play.appliances[step.peer_id].say(Withdraw(prefixes))


async def loop_back(play: Play, step: Step, random: Random) -> None:
    plain = _attributes(step.peer_id, Family.IPV4, random)
    path = (AsSegment(SegmentKind.AS_SEQUENCE, (ASNS[step.peer_id], OWN_ASN)),)
    prefixes = tuple(random.sample(POOL[:7], 2))
    play.appliances[step.peer_id].say(Announce(replace(plain, as_path=path), prefixes))


async def malformed(play: Play, step: Step, random: Random) -> None:
    """An UPDATE whose routes count as withdrawn; the appliance believes that they are there."""
    prefix = random.choice(POOL[:5])
    octets = encode_prefix(prefix)
    path = attribute(0x40, 2, b"\2\1" + ASNS[step.peer_id].to_bytes(4, "big"))
    hop = attribute(0x40, 3, IPv4Address(ADDRESSES[step.peer_id]).packed)
    origin = attribute(0x40, 1, b"\0")
    spoilt = random.choice(
        [
            attribute(0x40, 1, b"\x09") + path + hop,
            origin + path,
            origin + attribute(0x40, 2, b"\2\2\0\0") + hop,
            origin + path + hop + attribute(0xC0, 8, b"\0"),
            origin + path + hop + b"\xc0\x08\xff",
        ]
    )
    said = Withdraw((prefix,))
    play.appliances[step.peer_id].say_raw(update(spoilt, octets), said)


async def ignored(play: Play, step: Step, random: Random) -> None:
    """An UPDATE without routes: a fault that costs an attribute only, or one more End-of-RIB."""
    appliance = play.appliances[step.peer_id]
    if random.randrange(2):
        appliance.say_raw(update(attribute(0xC0, 7, b"short")), None)
    else:
        appliance.say_raw(update(), Mark("eor", Family.IPV4))


async def refresh(play: Play, step: Step, random: Random) -> None:
    appliance = play.appliances[step.peer_id]
    for prefix in random.sample(sorted(appliance.table), min(2, len(appliance.table))):
        del appliance.table[prefix]  # silently: only a refresh between marks tells
    for family in Family:
        appliance.refresh(family)


async def cut(play: Play, step: Step, random: Random) -> None:
    if play.is_reached(step.peer_id):
        play.expects(step.peer_id, "lost")
    elif play.model_is_up(step.peer_id):
        play.expects(step.peer_id, "notified")
    play.appliances[step.peer_id].cut()


async def break_off(play: Play, step: Step, random: Random) -> None:
    link = play.appliances[step.peer_id].link
    if not play.is_reached(step.peer_id) or link is None:
        return
    link.breaks_after = random.choice([1, 5, 18, 19, 22, 30, 60, 100])
    play.expects(step.peer_id, "lost")
    await announce(play, step, random)
    await play.pass_time(15)  # a keepalive is enough
    await play.pass_time(60)


async def fall_silent(play: Play, step: Step, random: Random) -> None:
    link = play.appliances[step.peer_id].link
    if link is not None:
        link.fall_silent()
        play.expects(step.peer_id, "notified")
    if random.randrange(2):
        await play.pass_time(HOLD_S + 1)
        if play.model_is_up(step.peer_id):
            raise Difference(f"{step.peer_id} is silent and nobody has noticed")


async def shut_down(play: Play, step: Step, random: Random) -> None:
    _stop(play, step, Cease.ADMINISTRATIVE_SHUTDOWN, "final")


async def reset(play: Play, step: Step, random: Random) -> None:
    _stop(play, step, Cease.ADMINISTRATIVE_RESET, "asked")


def _stop(play: Play, step: Step, subcode: Cease, cause: str) -> None:
    if play.is_reached(step.peer_id):
        play.expects(step.peer_id, cause)
    elif play.model_is_up(step.peer_id):
        play.expects(step.peer_id, "notified")
    play.appliances[step.peer_id].stop(cease(subcode))


async def garbage(play: Play, step: Step, random: Random) -> None:
    if play.is_reached(step.peer_id):
        play.expects(step.peer_id, "notified")
        play.appliances[step.peer_id].say_raw(random.randbytes(19).replace(b"\xff", b"\0"), None)


async def bfd_down(play: Play, step: Step, random: Random) -> None:
    independent = step.kind != "bfd down"
    if independent and random.randrange(3):
        # First the control plane goes, then what it left behind.
        await cut(play, step, random)
        await play.quiet()
    now = play.loop.time()
    play.deliver(step.peer_id)
    if step.peer_id in play.configured:
        play.bfd_stands(step.peer_id)
        if play.model_is_up(step.peer_id):
            play.causes[step.peer_id] = "failed"
        elif independent:
            play.model.forwarding_lost(step.peer_id, now)
    play.speaker.bfd_down(step.peer_id, independent=independent)


async def bfd_up(play: Play, step: Step, random: Random) -> None:
    if step.peer_id in play.configured:  # BFD is told of no other peers
        play.bfd_stands(step.peer_id, is_up=True)
        play.speaker.bfd_up(step.peer_id)


async def bfd_off(play: Play, step: Step, random: Random) -> None:
    if step.peer_id in play.configured:
        play.bfd_stands(step.peer_id, is_off=True)
        play.speaker.bfd_not_up(step.peer_id, admin_down=True)


async def bfd_on(play: Play, step: Step, random: Random) -> None:
    """It is heard again, and not up yet."""
    if step.peer_id in play.configured and step.peer_id in play.bfd_off:
        play.bfd_stands(step.peer_id)
        play.speaker.bfd_not_up(step.peer_id, admin_down=False)


async def flap(play: Play, step: Step, random: Random) -> None:
    for _ in range(random.randrange(2, 7)):
        await dial(play, step, random)
        await cut(play, step, random)
        await play.pass_time(random.choice([2, 2, 40]))


async def patience(play: Play, step: Step, random: Random) -> None:
    await play.set(
        step.peer_id,
        idle_hold_s=random.choice([0, 1, 20]),
        bgp_waits_for_bfd=random.randrange(3) == 0,
    )


async def wait(play: Play, step: Step, random: Random) -> None:
    await play.pass_time(random.choice([0.01, 1, 6, 40, 65, 130, 400, 1200]))


async def jump(play: Play, step: Step, random: Random) -> None:
    for peer_id in PEERS:
        play.expects(peer_id, "notified")
    play.loop.jump(random.choice([100, 200, 400, 10_000, 1e7]))


async def persist(play: Play, step: Step, random: Random) -> None:
    persist, duration = random.randrange(4) > 0, random.choice([60, 120, 300])
    play.spec = replace(play.spec, persist=persist, persist_duration_s=duration)
    play.model.configure(persist, duration, play.loop.time())
    await play.converge()


async def reset_persisted(play: Play, step: Step, random: Random) -> None:
    play.spec = replace(play.spec, reset_serial=play.spec.reset_serial + 1)
    play.model.reset(play.loop.time())
    await play.converge()


async def policy(play: Play, step: Step, random: Random) -> None:
    rules = POLICIES[random.choice(list(POLICIES))]
    await play.set(step.peer_id, import_rules=rules)


async def limit(play: Play, step: Step, random: Random) -> None:
    await play.set(step.peer_id, max_prefixes=random.choice([None, 1, 3, 6]))


async def graceful_restart(play: Play, step: Step, random: Random) -> None:
    is_on = random.randrange(3) > 0
    long_lived = random.choice([0, LONG_LIVED_S]) if is_on else 0
    before = play.settings[step.peer_id]
    is_other = (before.graceful_restart, before.long_lived_stale_time_s) != (is_on, long_lived)
    if is_other and play.model_is_up(step.peer_id):
        play.causes[step.peer_id] = "changed"
    await play.set(step.peer_id, graceful_restart=is_on, long_lived_stale_time_s=long_lived)


async def our_restart(play: Play, step: Step, random: Random) -> None:
    for peer_id in PEERS:
        play.deliver(peer_id)
    await play.restart(random.choice([0.0, 30.0]))


async def remove(play: Play, step: Step, random: Random) -> None:
    play.configured.discard(step.peer_id)
    await play.converge()


async def add(play: Play, step: Step, random: Random) -> None:
    play.configured |= set(PEERS)
    await play.converge()


STEPS: Final[dict[str, Callable[[Play, Step, Random], Awaitable[None]]]] = {
    "dial": dial,
    "announce": announce,
    "withdraw": withdraw,
    "loop": loop_back,
    "malformed": malformed,
    "ignored": ignored,
    "refresh": refresh,
    "cut": cut,
    "break": break_off,
    "silent": fall_silent,
    "shutdown": shut_down,
    "reset": reset,
    "garbage": garbage,
    "bfd up": bfd_up,
    "bfd down": bfd_down,
    "bfd down, independent": bfd_down,
    "bfd off": bfd_off,
    "bfd on": bfd_on,
    "wait": wait,
    "flap": flap,
    "jump": jump,
    "persist": persist,
    "reset persisted": reset_persisted,
    "policy": policy,
    "patience": patience,
    "limit": limit,
    "graceful restart": graceful_restart,
    "our restart": our_restart,
    "remove": remove,
    "add": add,
}
