"""Pending connections are counted, by address and in all."""

from __future__ import annotations

from routeserver.speaker.pending import PendingConnections


def test_one_address_gets_no_more_than_its_share() -> None:
    pending = PendingConnections(limit=10, limit_per_address=2)
    assert pending.enter("192.0.2.1") is None
    assert pending.enter("192.0.2.1") is None
    assert pending.enter("192.0.2.1") == "2 connections of this address are pending already"
    assert pending.enter("192.0.2.2") is None
    pending.leave("192.0.2.1")
    assert pending.enter("192.0.2.1") is None


def test_all_addresses_together_get_no_more_than_the_limit() -> None:
    pending = PendingConnections(limit=3, limit_per_address=2)
    for host in range(3):
        assert pending.enter(f"192.0.2.{host}") is None
    assert pending.enter("192.0.2.9") == "3 connections are pending already"
    pending.leave("192.0.2.0")
    assert len(pending) == 2
    assert pending.enter("192.0.2.9") is None


def test_addresses_that_left_are_forgotten() -> None:
    pending = PendingConnections(limit=3, limit_per_address=2)
    pending.enter("192.0.2.1")
    pending.leave("192.0.2.1")
    assert len(pending) == 0
    assert not pending._counts
