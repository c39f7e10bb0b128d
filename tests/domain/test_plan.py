"""A plan leads from what a table has to what it should have, however often it is carried out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from routeserver.domain.plan import Change, ChangeKind, Tally, apply, apply_to, diff, tally
from routeserver.domain.routing import Entry
from routeserver.net.prefix import IPV6_BIT, Prefix

X = Entry("eni-x", "10.0.1.10", "rs-1", "rsp-a")
Y = Entry("eni-y", "10.0.1.11", "rs-1", "rsp-b")
prefixes = st.integers(0, 9).map(lambda n: n << 32 | 24) | st.just(IPV6_BIT | 1 << 100 | 48)
tables = st.dictionaries(prefixes, st.sampled_from([X, Y]))


@given(tables, tables)
def test_applying_the_difference_gives_the_desired_table(
    desired: dict[Prefix, Entry], observed: dict[Prefix, Entry]
) -> None:
    before = dict(observed)
    changes = diff(desired, observed)
    assert apply(changes, observed) == desired
    assert observed == before
    assert apply(changes, desired) == desired
    apply_to(observed, changes)
    assert observed == desired


@given(tables, tables)
def test_only_what_differs_is_changed_and_only_once(
    desired: dict[Prefix, Entry], observed: dict[Prefix, Entry]
) -> None:
    changes = diff(desired, observed)
    assert diff(desired, desired) == []
    differing = {p for p in desired | observed if desired.get(p) != observed.get(p)}
    assert len(changes) == len(differing)
    assert {change.prefix for change in changes} == differing
    assert all(change.before == observed.get(change.prefix) for change in changes)


@given(tables, tables, st.sets(prefixes))
def test_a_narrowed_plan_touches_nothing_else(
    desired: dict[Prefix, Entry], observed: dict[Prefix, Entry], scope: set[Prefix]
) -> None:
    table = apply(diff(desired, observed, scope), observed)
    for prefix in desired | observed:
        assert table.get(prefix) == (desired if prefix in scope else observed).get(prefix)


def test_what_brings_up_comes_before_what_takes_away() -> None:
    changes = diff({1: X, 2: Y, 5: X}, {2: X, 3: X, 4: X})
    assert [(change.kind, change.prefix) for change in changes] == [
        (ChangeKind.REPLACE, 2),
        (ChangeKind.INSTALL, 1),
        (ChangeKind.INSTALL, 5),
        (ChangeKind.REMOVE, 3),
        (ChangeKind.REMOVE, 4),
    ]
    assert tally(changes) == Tally(installed=2, removed=2, replaced=1)


def test_a_change_says_what_was_and_what_will_be() -> None:
    assert diff({7: Y}, {7: X}) == [Change(7, before=X, after=Y)]
