"""In profile `aws` the server behaves as docs/adr/0005 says: every row of that table is held by a
check here, or by the test that is named for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from routeserver.bfd.config import BfdConfig
from routeserver.bgp.capabilities import FourOctetAsn, Multiprotocol, RouteRefreshCapability
from routeserver.bgp.errors import Cease, ErrorCode
from routeserver.bgp.negotiation import SessionConfig, local_open, negotiate
from routeserver.control.idempotency import TOKEN_LIFETIME_S
from routeserver.control.observed import RouteView
from routeserver.control.operator.book import AMAZONS
from routeserver.control.policy import AMAZON
from routeserver.control.views.route_server import MAX_SIGNED_MED
from routeserver.control.views.route_server import route as route_answer
from routeserver.net.path import Origin, PathAttributes
from routeserver.net.peering import AWS_DEFAULTS, LimitAction, PeerSettings
from routeserver.net.prefix import parse_prefix
from routeserver.rib.decision import STEPS
from routeserver.settings.load import load
from routeserver.settings.model import Profile, Settings
from routeserver.speaker import cease
from routeserver.speaker.session_settings import session_config
from routeserver.speaker.spec import PeerSpec, Timers

ROOT = Path(__file__).parents[1]
RECORD = ROOT / "docs" / "adr" / "0005-what-the-service-does-not-document.md"


def settings() -> Settings:
    found = load({}, {"HOME": "/home/someone"}, is_root=False).settings
    assert found.profile is Profile.AWS
    return found


def config() -> SessionConfig:
    """What an endpoint says to a peer whose settings nobody has touched."""
    base = SessionConfig(65000, IPv4Address("10.0.0.1"), 65000)
    found = settings()
    timers = Timers(found.hold_time_s, found.keepalive_s)
    return session_config(PeerSpec("rsp-1", "10.0.0.2", 65001), timers, base)


def best_path() -> None:
    names = [step.name for step in STEPS]
    assert names[2:7] == ["AS_PATH length", "ORIGIN", "MED", "router id", "peer address"]
    # The two steps before need what no peer and no setting of this profile can bring about.
    assert names[:2] == ["long-lived stale", "preference"]
    assert not AWS_DEFAULTS.graceful_restart
    assert not AWS_DEFAULTS.long_lived_stale_time_s
    assert not AWS_DEFAULTS.import_rules
    assert not AWS_DEFAULTS.graceful_shutdown


def hold_time_and_keepalive() -> None:
    theirs = SessionConfig(65001, IPv4Address("10.0.0.2"), 65000, hold_time_s=90)
    agreed = negotiate(config(), local_open(theirs))
    assert (agreed.hold_time_s, agreed.keepalive_s) == (30, 10)


def bfd() -> None:
    found = settings()
    assert (found.bfd_interval_ms, found.bfd_multiplier) == (300, 3)
    assert not BfdConfig().passive
    assert AWS_DEFAULTS.bfd_authentication is None


def bgp_while_bfd_is_down() -> None:
    assert not AWS_DEFAULTS.bgp_waits_for_bfd
    assert (cease.BFD_DOWN.code, cease.BFD_DOWN.subcode) == (ErrorCode.CEASE, Cease.BFD_DOWN)


def more_routes_than_a_limit() -> None:
    assert AWS_DEFAULTS.max_prefixes is None
    assert AWS_DEFAULTS.max_prefixes_action is LimitAction.DISCARD
    assert settings().quotas == AMAZON
    assert (AMAZON.routes_per_peer, AMAZON.routes_per_fib) == (100, 100)


def deleted_objects() -> None:
    assert settings().tombstone_s == 3600


def a_client_token() -> None:
    assert TOKEN_LIFETIME_S == 24 * 3600


def a_large_med() -> None:
    attributes = PathAttributes(Origin.IGP, (), IPv4Address("10.0.0.2"), med=(1 << 32) - 1)
    view = RouteView(parse_prefix("10.9.0.0/16"), "rse-1", "rsp-1", attributes, True, ())
    assert route_answer(view)["Med"] == MAX_SIGNED_MED == (1 << 31) - 1


LIFE = "tests/contract/test_route_server_life.py::"
IN_ORDER = LIFE + "test_nothing_may_be_done_out_of_order"

HELD: dict[str, Callable[[], None] | str] = {
    "best path": best_path,
    "hold time and keepalive": hold_time_and_keepalive,
    "BFD": bfd,
    "BGP while BFD is down": bgp_while_bfd_is_down,
    "more routes than a limit": more_routes_than_a_limit,
    "a static or local route with the same destination": (
        "tests/contract/test_routing.py::"
        "test_a_static_route_wins_over_a_propagated_one_and_gives_way_when_it_goes"
    ),
    "a next hop that belongs to no interface of the VPC": (
        "tests/contract/test_routing.py::"
        "test_a_next_hop_without_an_interface_is_rejected_until_there_is_one"
    ),
    "an endpoint's own interface as next hop": "test_an_endpoints_own_interface_is_no_next_hop",
    "two route servers propagate one prefix to one table": (
        "tests/domain/test_routing.py::test_the_better_path_wins_and_the_other_is_rejected"
    ),
    "associating or enabling again": IN_ORDER,
    "deleting what is in use, acting on what is pending or deleted": IN_ORDER,
    "a second peer with the same address on an endpoint": IN_ORDER,
    "limits reached": LIFE + "test_the_caps_of_amazon_hold_in_its_profile",
    "`DryRun`": IN_ORDER,
    "deleted objects": deleted_objects,
    "a client token": a_client_token,
    "`reset` of persisted routes": (
        "tests/contract/test_routing.py::"
        "test_persisted_routes_stay_when_the_last_session_ends_until_they_are_reset"
    ),
    "a MED above 2³¹ \N{MINUS SIGN} 1": a_large_med,
    "notifications": LIFE + "test_a_new_route_server_answers_as_amazons_does",
}
"""By the question in the record."""


def test_every_row_of_the_record_is_held_by_something() -> None:
    questions = re.findall(r"^\| ([^|]+?) \|", RECORD.read_text(), re.MULTILINE)
    assert set(questions) - {"question", "---"} == set(HELD)


@pytest.mark.parametrize("question", [q for q, held in HELD.items() if callable(held)])
def test_what_the_record_says_holds(question: str) -> None:
    held = HELD[question]
    assert callable(held)
    held()


@pytest.mark.parametrize("question", [q for q, held in HELD.items() if isinstance(held, str)])
def test_the_test_that_holds_a_row_is_there(question: str) -> None:
    held = HELD[question]
    assert isinstance(held, str)
    path, _, name = held.rpartition("::")
    files = [ROOT / path] if path else list((ROOT / "tests").rglob("test_*.py"))
    assert any(re.search(rf"def {name}\(", file.read_text()) for file in files)


def test_an_endpoint_offers_what_it_did_before_there_were_settings() -> None:
    said = local_open(config())
    assert [type(capability) for capability in said.capabilities] == [
        Multiprotocol,
        Multiprotocol,
        RouteRefreshCapability,
        FourOctetAsn,
    ]


def test_nothing_extra_is_on_and_little_may_be_set() -> None:
    on = {field.name for field in fields(PeerSettings) if getattr(AWS_DEFAULTS, field.name) is True}
    assert on == set()
    assert AWS_DEFAULTS.idle_hold_s == 0, "a peer that fails may come back at once"
    assert (AWS_DEFAULTS.md5_password, AWS_DEFAULTS.ttl_security_hops) == (None, None)
    may_be_set = {"hold_time_s", "keepalive_s", "bfd_interval_ms", "bfd_multiplier"}
    assert may_be_set == AMAZONS
