"""Import rules that change, applied to what a RIB holds already: in the end everything is as if the
new rules had always been there.
"""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from routeserver.net.attribute_set import AttributeSet, set_of
from routeserver.net.path import PathAttributes
from routeserver.net.peering import ImportAction, ImportRule
from routeserver.net.prefix import Family, Prefix, parse_prefix
from routeserver.net.route_batch import RouteBatch
from routeserver.rib.import_policy import ImportPolicy, Origins
from routeserver.rib.path import Source
from routeserver.rib.reimport import NO_LLGR
from routeserver.rib.rib import Rib
from tests.rib.test_import_policy import PREFIXES, REJECT, RULES, Codec, attributes

SIX = parse_prefix("2001:db8::/32")
TEN = parse_prefix("10.0.0.0/8")
NONE_AT_ALL = ImportPolicy([ImportRule("none", REJECT)])

# What sets say; each example makes sets of its own, as each session does.
SAID = st.sampled_from(
    [
        (attributes(1), None),
        (attributes(2, med=9), None),
        (attributes(1, communities=(1 << 16 | 1,)), None),
        (attributes(1), "bad"),
    ]
)
Shown = dict[Prefix, tuple[PathAttributes, str | None, bool]]


def shown(rib: Rib, prefixes: Sequence[Prefix]) -> Shown:
    found: Shown = {}
    for prefix in prefixes:
        for path in (*rib.candidates(prefix), *rib.rejected(prefix)):
            if path.source.peer_id == "a":
                found[prefix] = path.attributes, path.rejected, path.is_stale
    return found


def run(rib: Rib, policy: ImportPolicy, slice_size: int = 2) -> int:
    steps = sum(1 for _ in rib.reimport("a", policy, slice_size))
    while rib.pending():
        rib.decide(100)
    return steps


def take(rib: Rib, policy: ImportPolicy, sets: Sequence[tuple[AttributeSet, list[Prefix]]]) -> None:
    for one, prefixes in sets:
        rib.apply("a", policy.apply(RouteBatch.of(Family.IPV4, [(one, prefixes)])))


@given(
    st.lists(
        st.tuples(RULES, st.sampled_from([ImportAction.ACCEPT, REJECT])), min_size=2, max_size=4
    ),
    st.lists(st.tuples(SAID, st.lists(PREFIXES, min_size=1, max_size=6)), max_size=5),
    st.booleans(),
    st.booleans(),
)
def test_it_is_as_if_the_last_rules_had_been_there_from_the_first(
    history: list[tuple[list[ImportRule], ImportAction]],
    said: list[tuple[tuple[PathAttributes, str | None], list[Prefix]]],
    is_held: bool,
    refreshes: bool,
) -> None:
    origins = Origins()
    rib, other = Rib(), Rib()
    policies = [ImportPolicy(rules, default, origins=origins) for rules, default in history]
    last = ImportPolicy(*history[-1])
    for one in (rib, other):
        one.peer_up(Source("a", "rse", 1, 1))
    sets = [(set_of(*what), prefixes) for what, prefixes in said]
    take(rib, policies[0], sets)
    take(other, last, [(set_of(*what), prefixes) for what, prefixes in said])
    for one in (rib, other):
        if refreshes:
            one.begin_refresh("a", Family.IPV4)
        if is_held:
            one.hold("a")
    for policy in policies[1:]:
        run(rib, policy)
    prefixes = sorted({prefix for _, mine in said for prefix in mine})
    assert shown(rib, prefixes) == shown(other, prefixes)
    while other.pending():
        other.decide(100)
    assert {p: path.attributes for p, path in rib.fib.items()} == {
        p: path.attributes for p, path in other.fib.items()
    }
    if refreshes and not is_held:
        rib.end_refresh("a", Family.IPV4)
        run(rib, policies[-1])
        assert not shown(rib, prefixes)
    rib.peer_down("a")
    run(rib, policies[-1])
    assert not len(origins)


def test_both_families_are_looked_at_in_slices() -> None:
    rib = Rib()
    rib.peer_up(Source("a", "rse", 1, 1))
    many = [TEN + (n << 32) for n in range(9)]
    one = set_of(attributes(1))
    rib.apply("a", RouteBatch.of(Family.IPV4, [(one, many)]))
    rib.apply("a", RouteBatch.of(Family.IPV6, [(one, [SIX])]))
    assert run(rib, NONE_AT_ALL, slice_size=2) == 5 + 1
    assert not rib.fib
    assert [path.rejected for path in rib.rejected(SIX)] == ["Rejected by the import rule 'none'."]


def test_other_peers_are_left_alone_and_nothing_changes_twice() -> None:
    rib = Rib()
    for name, address in (("a", 1), ("b", 2)):
        rib.peer_up(Source(name, "rse", address, address))
        rib.apply(name, RouteBatch.of(Family.IPV4, [(set_of(attributes(1)), [TEN])]))
    policy = ImportPolicy([ImportRule("m", set_med=5)])
    run(rib, policy)
    assert [(p.source.peer_id, p.attributes.med) for p in rib.candidates(TEN)] == [
        ("b", None),
        ("a", 5),
    ]
    assert sum(1 for _ in rib.reimport("a", policy, 10)) == 1
    assert not rib.pending()
    assert not list(rib.reimport("nobody", policy, 10))


def test_no_rule_brings_back_a_long_lived_stale_route_that_asks_not_to_be_one() -> None:
    """RFC 9494 §4.2."""
    rib = Rib()
    rib.peer_up(Source("a", "rse", 1, 1))
    said = set_of(attributes(1, communities=(NO_LLGR,)))
    rib.apply("a", NONE_AT_ALL.apply(RouteBatch.of(Family.IPV4, [(said, [TEN])])))
    rib.hold("a")
    rib.demote("a")
    run(rib, ImportPolicy(origins=NONE_AT_ALL.origins))
    assert not rib.candidates(TEN)
    assert not rib.fib


def test_a_set_is_shared_by_later_updates_as_long_as_it_is_used() -> None:
    """The session forgets the octets of a set only when no route has it, in whatever form."""

    codec = Codec(attributes(1))
    rank = attributes(1).rank
    one = AttributeSet(b"octets", rank >> 32, rank & 0xFFFFFFFF, codec)
    rib = Rib()
    rib.peer_up(Source("a", "rse", 1, 1))
    before = ImportPolicy([ImportRule("m", set_med=5)])
    rib.apply("a", before.apply(RouteBatch.of(Family.IPV4, [(one, [TEN])])))
    run(rib, ImportPolicy(origins=before.origins))
    assert [p.attributes.med for p in rib.candidates(TEN)] == [None]
    assert (codec.forgotten, len(before.origins)) == ([], 0)
    rib.apply("a", RouteBatch.of(Family.IPV4, [(None, [TEN])]))
    run(rib, before)
    assert codec.forgotten == [b"octets"]
