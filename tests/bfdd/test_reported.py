"""What is reported across the lives of the daemon."""

from __future__ import annotations

from routeserver.bfdd.reported import ReportedSessions
from routeserver.bfdd.spec import BfdChange, Standing


def up(session_id: str = "s") -> BfdChange:
    return BfdChange(session_id, up=True, reason="it answers", at=1.0)


def down(session_id: str = "s") -> BfdChange:
    return BfdChange(session_id, up=False, reason="it was silent", at=2.0, failure=True)


def with_up(*session_ids: str) -> ReportedSessions:
    reported = ReportedSessions()
    for session_id in session_ids:
        reported.changed(up(session_id))
    return reported


def test_a_change_is_reported_once() -> None:
    reported = ReportedSessions()
    assert reported.changed(down()) is None
    assert reported.changed(up()) == up()
    assert reported.is_up("s")
    assert reported.changed(up()) is None
    assert reported.changed(down()) == down()
    assert not reported.is_up("s")


def test_the_death_of_the_daemon_is_no_loss_of_a_session() -> None:
    reported = with_up("s")
    reported.daemon_died()
    assert reported.is_up("s")
    assert reported.changed(down()) is None  # the remote system may have missed the daemon
    assert reported.is_up("s")
    assert reported.changed(up()) is None
    assert reported.grace_ended(9.0) == []
    assert reported.changed(down()) == down()


def test_a_session_that_answered_the_new_daemon_is_watched_as_before() -> None:
    reported = with_up("s")
    reported.daemon_died()
    reported.heard("s")
    assert reported.changed(down()) == down()


def test_a_session_not_heard_within_the_grace_is_a_loss() -> None:
    reported = with_up("heard", "silent", "down")
    reported.daemon_died()
    reported.heard("heard")
    reported.changed(down("down"))
    told, silent = reported.grace_ended(9.0)
    assert (silent.session_id, silent.up, silent.failure, silent.at) == ("silent", False, True, 9.0)
    assert "after a restart of the BFD daemon" in silent.reason
    assert (told.session_id, told.reason, told.at) == ("down", "it was silent", 9.0)
    assert [reported.is_up(s) for s in ("heard", "silent", "down")] == [True, False, False]


def test_what_is_no_longer_wanted_is_forgotten_in_silence() -> None:
    reported = with_up("s", "kept")
    reported.daemon_died()
    reported.keep_only({"kept"})
    assert not reported.is_up("s")
    assert [change.session_id for change in reported.grace_ended(9.0)] == ["kept"]


def stands(*, is_up: bool, loss: BfdChange | None = None) -> Standing:
    return Standing("s", "127.0.0.1", "127.0.0.2", up=is_up, loss=loss)


def test_a_new_server_learns_what_is_up_and_what_was_lost_in_this_order() -> None:
    reported = ReportedSessions()
    assert reported.attached(stands(is_up=False), 5.0) == []
    assert reported.attached(stands(is_up=False, loss=down()), 5.0) == [down()]
    lost, back = ReportedSessions().attached(stands(is_up=True, loss=down()), 5.0)
    assert (lost, back.up, back.failure, back.at) == (down(), True, False, 5.0)
    [learnt] = reported.attached(stands(is_up=True), 5.0)
    assert learnt.up
    assert reported.is_up("s")
    assert reported.attached(stands(is_up=True), 6.0) == []


def test_a_server_that_meets_its_daemon_again_believes_it() -> None:
    reported = with_up("s")
    reported.daemon_died()
    assert reported.attached(stands(is_up=True), 5.0) == []
    assert reported.grace_ended(9.0) == []
    [lost] = reported.attached(stands(is_up=False), 9.0)
    assert (lost.up, lost.failure) == (False, True)
    assert "did not listen" in lost.reason
    assert not reported.is_up("s")
