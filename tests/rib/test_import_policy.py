"""Import policy: what rules make of a batch, against a naive model and by example."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeserver.net.as_path_pattern import parse_as_path_pattern
from routeserver.net.attribute_set import AttributeSet, set_of
from routeserver.net.communities import GRACEFUL_SHUTDOWN, parse_community
from routeserver.net.path import AsSegment, Origin, PathAttributes, SegmentKind
from routeserver.net.peering import ImportAction, ImportRule, PrefixRange
from routeserver.net.prefix import Family, Prefix, make_prefix, parse_prefix
from routeserver.net.route_batch import RouteBatch
from routeserver.rib import import_policy
from routeserver.rib.import_policy import NO_RULE_REASON, ImportPolicy
from routeserver.rib.path import Source
from routeserver.rib.rib import Rib

ACCEPT, REJECT, CONTINUE = ImportAction.ACCEPT, ImportAction.REJECT, ImportAction.CONTINUE
Outcome = tuple[Prefix, str | None, int | None, int]
"""Prefix, why it was rejected, MED, preference."""


def attributes(
    *asns: int,
    med: int | None = None,
    communities: tuple[int, ...] = (),
    extended: tuple[int, ...] = (),
    large: tuple[tuple[int, int, int], ...] = (),
) -> PathAttributes:
    return PathAttributes(
        origin=Origin.IGP,
        as_path=(AsSegment(SegmentKind.AS_SEQUENCE, asns),) if asns else (),
        next_hop=IPv4Address("192.0.2.1"),
        med=med,
        communities=communities,
        extended_communities=extended,
        large_communities=large,
    )


def batch(*runs: tuple[AttributeSet | None, Sequence[str]]) -> RouteBatch:
    return RouteBatch.of(
        Family.IPV4, [(one, [parse_prefix(text) for text in texts]) for one, texts in runs]
    )


def outcomes(found: RouteBatch) -> list[Outcome]:
    out = []
    for one, prefixes in found.runs():
        assert one is not None
        seen = one.attributes
        assert one.rejected is not None or (one.rank_high << 32 | one.rank_low == seen.rank)
        out += [(prefix, one.rejected, seen.med, seen.preference) for prefix in prefixes]
    return out


def within(text: str, ge: int, le: int) -> PrefixRange:
    return PrefixRange(parse_prefix(text), ge, le)


def test_without_rules_the_batch_is_the_same_object() -> None:
    received = batch((set_of(attributes(1)), ["10.0.0.0/8"]))
    assert ImportPolicy().apply(received) is received
    assert ImportPolicy().is_empty


def test_what_no_rule_touches_is_the_same_object() -> None:
    policy = ImportPolicy([ImportRule("x", REJECT, as_paths=(parse_as_path_pattern("7"),))])
    received = batch((set_of(attributes(1)), ["10.0.0.0/8"]), (None, ["10.1.0.0/16"]))
    assert policy.apply(received) is received


def test_a_rejected_route_names_the_rule_and_its_reason() -> None:
    policy = ImportPolicy(
        [
            ImportRule("plain", REJECT, as_paths=(parse_as_path_pattern("7"),)),
            ImportRule("worded", REJECT, as_paths=(parse_as_path_pattern("8"),), reason="Not us."),
        ]
    )
    received = batch(
        (set_of(attributes(7)), ["10.0.0.0/8"]), (set_of(attributes(8)), ["11.0.0.0/8"])
    )
    assert [why for _, why, _, _ in outcomes(policy.apply(received))] == [
        "Rejected by the import rule 'plain'.",
        "Rejected by the import rule 'worded': Not us.",
    ]


def test_the_prefixes_of_one_set_may_part_and_stay_in_order() -> None:
    policy = ImportPolicy(
        [
            ImportRule("no", REJECT, (within("10.0.0.0/8", 24, 32),)),
            ImportRule("low", ACCEPT, (within("10.0.0.0/8", 8, 16),), set_preference=50),
        ]
    )
    texts = ["10.1.0.0/16", "10.2.0.0/16", "10.1.1.0/24", "10.0.0.0/20", "192.0.2.0/24"]
    received = batch((set_of(attributes(1)), texts), (None, ["10.9.9.0/24"]))
    found = policy.apply(received)
    assert [prefix for _, run in found.runs() for prefix in run] == [
        parse_prefix(text) for text in (*texts, "10.9.9.0/24")
    ]
    sets = [one for one, _ in found.runs()]
    assert len(sets) == 4
    assert sets[-1] is None
    assert [None if one is None else one.attributes.preference for one in sets] == [
        50, 100, 100, None,
    ]  # fmt: skip
    assert [one is not None and one.rejected is not None for one in sets] == [
        False, True, False, False,
    ]  # fmt: skip


def test_equal_outcomes_of_one_set_share_one_set() -> None:
    policy = ImportPolicy([ImportRule("m", CONTINUE, set_med=5)])
    original = set_of(attributes(1, med=9))
    first = policy.apply(batch((original, ["10.0.0.0/8"])))
    second = policy.apply(batch((original, ["11.0.0.0/8"])))
    assert first.sets[0] is second.sets[0]
    assert first.sets[0] is not original


def test_continue_goes_on_with_what_it_has_set() -> None:
    policy = ImportPolicy(
        [
            ImportRule("a", CONTINUE, set_med=1, set_preference=7),
            ImportRule("b", CONTINUE, set_med=2),
            ImportRule("c", ACCEPT),
            ImportRule("d", REJECT),
        ]
    )
    [(_, why, med, preference)] = outcomes(
        policy.apply(batch((set_of(attributes(1)), ["10.0.0.0/8"])))
    )
    assert (why, med, preference) == (None, 2, 7)


def test_the_default_may_be_to_reject() -> None:
    policy = ImportPolicy([ImportRule("a", ACCEPT, (within("10.0.0.0/8", 8, 32),))], REJECT)
    received = batch((set_of(attributes(1)), ["10.0.0.0/8", "192.0.2.0/24"]))
    assert [why for _, why, _, _ in outcomes(policy.apply(received))] == [None, NO_RULE_REASON]


@pytest.mark.parametrize(
    ("text", "carried"),
    [
        ("65001:*", attributes(1, communities=(65001 << 16 | 5,))),
        ("65001:1:*", attributes(1, large=((65001, 1, 99),))),
        ("rt:65001:100", attributes(1, extended=(0x0002_FDE9_0000_0064,))),
    ],
)
def test_communities_of_every_kind_are_matched(text: str, carried: PathAttributes) -> None:
    policy = ImportPolicy([ImportRule("c", REJECT, communities=(parse_community(text),))])
    received = batch((set_of(carried), ["10.0.0.0/8"]), (set_of(attributes(1)), ["11.0.0.0/8"]))
    assert [why is None for _, why, _, _ in outcomes(policy.apply(received))] == [False, True]


def test_what_the_session_has_rejected_stays_rejected_for_that() -> None:
    policy = ImportPolicy([ImportRule("a", ACCEPT, set_preference=5)])
    received = batch((set_of(attributes(1), "AS loop"), ["10.0.0.0/8"]))
    assert policy.apply(received) is received


def test_graceful_shutdown_wins_over_a_rule_that_prefers() -> None:
    """RFC 8326 §4."""
    policy = ImportPolicy(
        [ImportRule("p", ACCEPT, set_preference=500, set_med=3)], graceful_shutdown=True
    )
    leaving = set_of(attributes(1, communities=(GRACEFUL_SHUTDOWN,)))
    found = policy.apply(batch((leaving, ["10.0.0.0/8"]), (set_of(attributes(1)), ["11.0.0.0/8"])))
    assert [(med, preference) for _, _, med, preference in outcomes(found)] == [(3, 0), (3, 500)]


def test_graceful_shutdown_alone_touches_only_routes_that_carry_it() -> None:
    policy = ImportPolicy(graceful_shutdown=True)
    leaving = set_of(attributes(1, communities=(GRACEFUL_SHUTDOWN,)))
    found = policy.apply(batch((leaving, ["10.0.0.0/8"]), (set_of(attributes(1)), ["11.0.0.0/8"])))
    assert [preference for _, _, _, preference in outcomes(found)] == [0, 100]
    assert ImportPolicy().apply(batch((leaving, ["10.0.0.0/8"]))).sets == [leaving]


class Codec:
    """A session that notes which octets no route has any more."""

    def __init__(self, decoded: PathAttributes) -> None:
        self.decoded = decoded
        self.forgotten: list[bytes] = []

    def decode(self, raw: bytes) -> PathAttributes:
        assert raw == b"octets"
        return self.decoded

    def next_hop(self, raw: bytes) -> IPv4Address | IPv6Address:
        assert raw == b"octets"
        return self.decoded.next_hop

    def forget(self, raw: bytes) -> None:
        self.forgotten.append(raw)


def test_a_derived_set_decodes_and_is_forgotten_through_the_original() -> None:
    codec = Codec(attributes(1, med=9))
    original = AttributeSet(b"octets", 0, 9, codec)
    policy = ImportPolicy([ImportRule("m", ACCEPT, set_med=5)])
    derived = policy.apply(batch((original, ["10.0.0.0/8"]))).sets[0]
    assert derived is not None
    assert (derived.raw, derived.attributes.med) == (b"octets", 5)
    derived.release()
    assert codec.forgotten == [b"octets"]
    assert policy.apply(batch((original, ["10.0.0.0/8"]))).sets[0] is not derived


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_policy, "MAX_REMEMBERED", 10)
    policy = ImportPolicy([ImportRule("m", ACCEPT, set_med=5)])
    for number in range(100):
        policy.apply(batch((set_of(attributes(number + 1)), ["10.0.0.0/8"])))
    assert len(policy._judged) <= 10
    policy.forget()
    assert not policy._judged


def test_a_route_that_is_rejected_now_is_used_no_more() -> None:
    rib = Rib()
    rib.peer_up(Source("a", "rse", 1, 1))
    prefix = parse_prefix("10.0.0.0/8")
    policy = ImportPolicy([ImportRule("no", REJECT, as_paths=(parse_as_path_pattern("7"),))])
    rib.apply("a", policy.apply(batch((set_of(attributes(1)), ["10.0.0.0/8"]))))
    rib.decide(100)
    assert prefix in rib.fib
    rib.apply("a", policy.apply(batch((set_of(attributes(7)), ["10.0.0.0/8"]))))
    rib.decide(100)
    assert prefix not in rib.fib
    [path] = rib.rejected(prefix)
    assert path.rejected == "Rejected by the import rule 'no'."
    assert rib.candidates(prefix) == []


# --- against a naive model ------------------------------------------------------------------------

PREFIXES = st.builds(
    lambda address, length: make_prefix(address << 20, length, Family.IPV4),
    st.integers(0, 4095),
    st.integers(0, 32),
)
RANGES = st.builds(
    lambda prefix, a, b: PrefixRange(
        prefix, *sorted((max(prefix & 0xFF, a), max(prefix & 0xFF, b)))
    ),
    PREFIXES,
    st.integers(0, 32),
    st.integers(0, 32),
)
RULES = st.lists(
    st.builds(
        ImportRule,
        name=st.sampled_from("abc"),
        action=st.sampled_from(list(ImportAction)),
        prefixes=st.lists(RANGES, max_size=3).map(tuple),
        as_paths=st.sampled_from([(), (parse_as_path_pattern("^1"),)]),
        communities=st.sampled_from([(), (parse_community("1:1"),)]),
        set_med=st.none() | st.integers(0, 3),
        set_preference=st.none() | st.integers(0, 3),
    ),
    max_size=4,
)
SETS = st.sampled_from(
    [
        set_of(attributes(1)),
        set_of(attributes(2, med=9)),
        set_of(attributes(1, communities=(1 << 16 | 1, GRACEFUL_SHUTDOWN))),
        set_of(attributes(2, communities=(GRACEFUL_SHUTDOWN,))),
        set_of(attributes(1), "bad"),
    ]
)


def naive(
    rules: Sequence[ImportRule],
    default: ImportAction,
    honours: bool,
    one: AttributeSet,
    prefix: int,
) -> Outcome:
    seen = one.attributes
    med, preference = seen.med, seen.preference
    if one.rejected is not None:
        return prefix, one.rejected, med, preference
    reason: str | None = NO_RULE_REASON if default is REJECT else None
    new_med, new_preference = med, preference
    for rule in rules:
        if rule.prefixes and not any(_inside(found, prefix) for found in rule.prefixes):
            continue
        if rule.as_paths and not any(p.matches(seen.as_path) for p in rule.as_paths):
            continue
        if rule.communities and (1 << 16 | 1) not in seen.communities:
            continue
        if rule.action is REJECT:
            return prefix, f"Rejected by the import rule '{rule.name}'.", med, preference
        new_med = new_med if rule.set_med is None else rule.set_med
        new_preference = new_preference if rule.set_preference is None else rule.set_preference
        if rule.action is ACCEPT:
            reason = None
            break
    if reason is not None:
        return prefix, reason, med, preference
    if honours and GRACEFUL_SHUTDOWN in seen.communities:
        new_preference = 0
    return prefix, None, new_med, new_preference


def _inside(found: PrefixRange, prefix: Prefix) -> bool:
    length = prefix & 0xFF
    outer = found.prefix & 0xFF
    same = (
        make_prefix(prefix >> 8, outer, Family.IPV4) == found.prefix if length >= outer else False
    )
    return same and found.ge <= length <= found.le


@given(
    RULES,
    st.sampled_from([ACCEPT, REJECT]),
    st.booleans(),
    st.lists(st.tuples(SETS, st.lists(PREFIXES, min_size=1, max_size=6)), max_size=5),
)
def test_it_does_what_the_naive_model_does(
    rules: list[ImportRule],
    default: ImportAction,
    honours: bool,
    runs: list[tuple[AttributeSet, list[Prefix]]],
) -> None:
    policy = ImportPolicy(rules, default, graceful_shutdown=honours)
    found = outcomes(policy.apply(RouteBatch.of(Family.IPV4, runs)))
    expected = [
        naive(rules, default, honours, one, prefix) for one, prefixes in runs for prefix in prefixes
    ]
    assert found == expected
