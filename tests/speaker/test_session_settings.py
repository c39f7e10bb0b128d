"""Settings on their way to a session: the table of effects, the OPEN, what a restart may keep."""

from __future__ import annotations

from dataclasses import fields, replace
from ipaddress import IPv4Address
from typing import Any

from routeserver.bgp.errors import Cease, ErrorCode, Notification, cease, hard_reset
from routeserver.bgp.events import Established, SessionClosed
from routeserver.bgp.graceful_restart import PeerLongLived, PeerRestart
from routeserver.bgp.session import SessionConfig
from routeserver.net.peering import AWS_DEFAULTS, OPEN_DEFAULTS, PeerSettings
from routeserver.net.prefix import Family
from routeserver.speaker.endings import BRIEF_S, is_failure, keeps_routes
from routeserver.speaker.session_settings import (
    EFFECTS,
    Effect,
    effects,
    restart_terms,
    session_config,
)
from routeserver.speaker.spec import PeerSpec, Timers

V4, V6 = Family.IPV4, Family.IPV6
BASE = SessionConfig(65000, IPv4Address("10.0.0.1"), 65000)


def of(settings: PeerSettings, **options: bool) -> SessionConfig:
    return session_config(
        PeerSpec("a", "10.0.0.2", 65001, settings=settings), Timers(), BASE, **options
    )


def test_every_setting_has_an_effect() -> None:
    assert list(EFFECTS) == [field.name for field in fields(PeerSettings)]


def test_only_what_differs_has_one() -> None:
    assert effects(AWS_DEFAULTS, AWS_DEFAULTS) == frozenset()
    changed = replace(AWS_DEFAULTS, hold_time_s=9, md5_password="x", bfd_multiplier=3)
    assert effects(AWS_DEFAULTS, changed) == {Effect.RESTART, Effect.LIVE, Effect.ELSEWHERE}


def test_what_an_open_says_restarts_a_session_and_nothing_else_does() -> None:
    for field in fields(PeerSettings):
        changed: dict[str, Any] = {field.name: _other(getattr(OPEN_DEFAULTS, field.name))}
        other = replace(OPEN_DEFAULTS, **changed)
        try:
            differs = of(other) != of(OPEN_DEFAULTS)
        except (AttributeError, TypeError):
            continue
        assert not differs or EFFECTS[field.name] is Effect.RESTART, field.name


def test_an_endpoint_asks_to_keep_routes_only_where_its_own_forwarding_outlived_a_restart() -> None:
    """It announces nothing; asked to keep that, FRR waits the Restart Time for a call from it."""
    first, after_restart = of(OPEN_DEFAULTS), of(OPEN_DEFAULTS, restarting=True)
    assert first.graceful_restart is not None
    assert first.graceful_restart.families == ()
    assert after_restart.graceful_restart is not None
    assert after_restart.graceful_restart.families == (V4, V6)


def _other(value: object) -> object:
    if isinstance(value, bool):
        return not value
    return 9 if value is None or isinstance(value, int) else value


def test_amazons_open_offers_nothing_extra() -> None:
    config = of(AWS_DEFAULTS)
    assert (config.hold_time_s, config.keepalive_s, config.peer_asn) == (30, 10, 65001)
    assert config.graceful_restart is None
    assert config.long_lived is None
    assert not config.extended_messages
    assert not config.extended_next_hop
    assert not config.enhanced_refresh
    assert not config.accept_as_sets


def test_the_flags_of_a_restart_are_only_said_after_one() -> None:
    settings = replace(OPEN_DEFAULTS, long_lived_stale_time_s=77, restart_time_s=33)
    usual, after = of(settings), of(settings, restarting=True)
    assert usual.graceful_restart is not None
    assert after.graceful_restart is not None
    assert (usual.graceful_restart.restarting, usual.graceful_restart.forwarding) == (False, ())
    assert (after.graceful_restart.restarting, after.graceful_restart.forwarding) == (
        True,
        (V4, V6),
    )
    assert usual.graceful_restart.restart_time_s == 33
    assert usual.graceful_restart.notification
    assert usual.long_lived is not None
    assert usual.long_lived.stale_times_s == ((V4, 77), (V6, 77))
    assert of(AWS_DEFAULTS, restarting=True) == of(AWS_DEFAULTS)


def test_forwarding_state_that_is_lost_is_not_claimed() -> None:
    peer = PeerSpec("a", "10.0.0.2", 65001, settings=OPEN_DEFAULTS)
    config = session_config(peer, Timers(forwarding_kept=False), BASE, restarting=True)
    assert config.graceful_restart is not None
    assert config.graceful_restart.restarting
    assert config.graceful_restart.forwarding == ()


def established(
    restart: PeerRestart | None, long_lived: PeerLongLived | None = None
) -> Established:
    return Established(
        IPv4Address("10.0.0.2"),
        65001,
        30,
        (V4, V6),
        True,
        graceful_restart=restart,
        long_lived=long_lived,
    )


def test_our_bounds_hold_whatever_the_peer_asks_for() -> None:
    settings = replace(OPEN_DEFAULTS, stale_time_s=100, long_lived_stale_time_s=500)
    restart = PeerRestart(4095, False, True, (V4, V6), (V4,))
    terms = restart_terms(
        established(restart, PeerLongLived(((V4, 10**6), (V6, 50)), (V6,))), settings
    )
    assert terms is not None
    assert (terms.restart_time_s, terms.stale_time_s) == (100, 100)
    assert terms.forwarding == (V4, V6)
    assert terms.long_lived_s == ((V4, 500.0), (V6, 50.0))
    assert restart_terms(established(None), settings) is None


def closed(sent: Notification | None = None, received: Notification | None = None) -> SessionClosed:
    return SessionClosed("x", sent, received, True)


def test_which_ends_let_routes_survive() -> None:
    plain = PeerRestart(120, False, False, (V4,), (V4,))
    with_n = replace(plain, notification=True)
    hold_timer = Notification(ErrorCode.HOLD_TIMER_EXPIRED, 0)
    assert keeps_routes(closed(), plain)
    assert not keeps_routes(closed(), None)
    assert not keeps_routes(closed(hold_timer), plain)
    assert keeps_routes(closed(hold_timer), with_n)
    assert keeps_routes(closed(None, cease(Cease.ADMINISTRATIVE_SHUTDOWN)), with_n)
    assert not keeps_routes(closed(None, hard_reset(hold_timer)), with_n)
    for subcode in (
        Cease.BFD_DOWN,
        Cease.MAXIMUM_NUMBER_OF_PREFIXES_REACHED,
        Cease.OUT_OF_RESOURCES,
    ):
        assert not keeps_routes(closed(cease(subcode)), with_n)
    assert not keeps_routes(closed(None, cease(Cease.BFD_DOWN)), with_n)


LONG_S = 3600.0


def test_which_ends_count_against_a_peer() -> None:
    assert is_failure(closed(), LONG_S)
    assert is_failure(closed(Notification(ErrorCode.UPDATE_MESSAGE_ERROR, 1)), LONG_S)
    assert is_failure(closed(cease(Cease.BFD_DOWN)), LONG_S)
    assert not is_failure(closed(cease(Cease.OTHER_CONFIGURATION_CHANGE)), LONG_S)
    assert not is_failure(closed(None, cease(Cease.ADMINISTRATIVE_SHUTDOWN)), LONG_S)
    # A peer that comes and goes has failed, however politely it goes.
    assert is_failure(closed(None, cease(Cease.ADMINISTRATIVE_SHUTDOWN)), BRIEF_S / 2)
    assert not is_failure(closed(cease(Cease.OTHER_CONFIGURATION_CHANGE)), BRIEF_S / 2)
