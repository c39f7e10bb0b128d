"""The table of attributes: nobody is missing, and it agrees with the readers and the rows."""

from __future__ import annotations

import re

from routeserver.bgp.attribute_values import READERS
from routeserver.bgp.verdicts import (
    KIND_BITS,
    OPTIONAL,
    TRANSITIVE,
    VERDICTS,
    Accepted,
    AttributeCode,
    Verdict,
    attribute_name,
)
from tests.bgp.malformed import by_hand, each_attribute
from tests.bgp.malformed.rows import DISCARDED, WITHDRAWN, Kind

MULTIPROTOCOL = {AttributeCode.MP_REACH_NLRI, AttributeCode.MP_UNREACH_NLRI}


def test_every_attribute_with_a_name_has_a_rule() -> None:
    assert set(VERDICTS) == set(AttributeCode)
    for rule in VERDICTS.values():
        assert rule.kind in {OPTIONAL, TRANSITIVE, OPTIONAL | TRANSITIVE}
        assert rule.kind & ~KIND_BITS == 0
        assert re.fullmatch(r"RFC \d+ §[\d.]+", rule.source)


def test_what_has_a_verdict_on_its_value_has_a_reader_and_nothing_else_has() -> None:
    judged = {code for code, rule in VERDICTS.items() if rule.malformed is not None}
    assert judged == set(READERS) | MULTIPROTOCOL


def test_every_attribute_that_is_read_has_rows_in_the_malformed_suite() -> None:
    covered = {spec.code for spec in each_attribute.SPECS}
    assert covered >= set(READERS)
    names = " ".join(row.name for row in by_hand.ROWS)
    assert all(AttributeCode(code).name in names for code in MULTIPROTOCOL)


def test_the_rows_say_the_same_as_the_table() -> None:
    """They were written from the RFCs apart from it."""
    said = {Verdict.ATTRIBUTE_DISCARD: DISCARDED, Verdict.TREAT_AS_WITHDRAW: WITHDRAWN}
    for spec in each_attribute.SPECS:
        rule = VERDICTS[spec.code]
        needless = {
            Accepted.EVERYBODY: False,
            Accepted.INTERNAL: spec.kind is not Kind.INTERNAL,
            Accepted.TWO_OCTET: spec.kind is not Kind.TWO_OCTET,
        }[rule.accepted]
        assert spec.kind_bits == rule.kind
        if needless:
            assert (spec.good_is, spec.bad, spec.flags) == (DISCARDED, DISCARDED, DISCARDED)
        else:
            assert rule.malformed is not None
            assert (spec.bad, spec.flags) == (said[rule.malformed], said[rule.wrong_flags])


def test_attributes_are_called_by_their_names() -> None:
    assert attribute_name(16) == "EXTENDED_COMMUNITIES"
    assert attribute_name(99) == "attribute 99"
