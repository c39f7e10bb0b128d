"""What is reported across the lives of the daemon."""

from __future__ import annotations

from dataclasses import replace

from routeserver.bfdd.reported import ReportedSessions
from routeserver.bfdd.spec import BfdChange, Standing


def up(session_id: str = "s") -> BfdChange:
    return BfdChange(session_id, up=True, reason="it answers", at=1.0)


def down(session_id: str = "s") -> BfdChange:
    return BfdChange(session_id, up=False, reason="it was silent", at=2.0, failure=True)


def admin_down(*, is_so: bool = True) -> BfdChange:
    return BfdChange("s", up=False, reason="", at=3.0, admin_down=is_so, already_down=True)


STOPPED = BfdChange("s", up=False, reason="it was stopped", at=2.0, admin_down=True)


def with_up(*session_ids: str) -> ReportedSessions:
    reported = ReportedSessions()
    for session_id in session_ids:
        reported.changed(up(session_id))
    return reported


def test_a_change_is_reported_once() -> None:
    reported = ReportedSessions()
    assert reported.changed(replace(down(), failure=False)) is None
    assert reported.changed(up()) == up()
    assert reported.is_up("s")
    assert reported.changed(up()) is None
    assert reported.changed(down()) == down()
    assert not reported.is_up("s")


def test_of_a_session_that_stays_down_it_is_reported_what_the_remote_system_says() -> None:
    reported = ReportedSessions()
    assert reported.changed(admin_down(is_so=False)) is None
    for _ in range(2):
        assert reported.changed(admin_down()) == admin_down()
        assert reported.is_admin_down("s")
        assert reported.changed(admin_down()) is None
        assert reported.changed(admin_down(is_so=False)) == admin_down(is_so=False)
        assert not reported.is_admin_down("s")


def test_a_session_that_was_up_is_lost_to_an_administrator_once() -> None:
    reported = with_up("s")
    assert reported.changed(STOPPED) == STOPPED
    assert reported.is_admin_down("s")
    assert reported.changed(STOPPED) is None
    assert reported.changed(up()) == up()
    assert not reported.is_admin_down("s")


def test_a_loss_of_what_was_not_reported_to_be_up_is_none_unless_it_is_a_failure() -> None:
    reported = ReportedSessions()
    assert reported.changed(STOPPED) == replace(STOPPED, already_down=True)
    assert reported.changed(down()) == down()
    assert reported.changed(down()) == down()
    assert not reported.is_admin_down("s")


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


def test_after_the_death_of_the_daemon_a_remote_system_has_the_grace_to_say_it_again() -> None:
    reported = ReportedSessions()
    reported.changed(admin_down())
    reported.daemon_died()
    assert reported.is_admin_down("s")
    assert reported.changed(admin_down()) is None
    assert reported.grace_ended(9.0) == []
    reported.daemon_died()
    [over] = reported.grace_ended(9.0)
    assert (over.already_down, over.admin_down, over.failure, over.at) == (True, False, False, 9.0)
    assert "after a restart of the BFD daemon" in over.reason
    assert not reported.is_admin_down("s")
    assert reported.grace_ended(9.0) == []


def test_a_doubtful_session_whose_remote_system_is_administratively_down_has_not_failed() -> None:
    reported = with_up("s")
    reported.daemon_died()
    assert reported.changed(admin_down()) is None
    [stopped] = reported.grace_ended(9.0)
    assert (stopped.failure, stopped.already_down, stopped.admin_down) == (False, False, True)
    assert reported.is_admin_down("s")


def test_a_doubtful_session_that_failed_has_failed_whatever_its_administrator_does_next() -> None:
    reported = with_up("s")
    reported.daemon_died()
    assert reported.changed(down()) is None
    assert reported.changed(admin_down()) is None
    assert reported.grace_ended(9.0) == [replace(down(), at=9.0, admin_down=True)]
    assert reported.is_admin_down("s")


def test_what_is_no_longer_wanted_is_forgotten_in_silence() -> None:
    reported = with_up("s", "kept")
    reported.daemon_died()
    reported.keep_only({"kept"})
    assert not reported.is_up("s")
    assert [change.session_id for change in reported.grace_ended(9.0)] == ["kept"]
    reported.changed(admin_down())
    reported.daemon_died()
    reported.keep_only({"kept"})
    assert not reported.is_admin_down("s")
    assert reported.grace_ended(9.0) == []


def stands(
    *, is_up: bool = False, admin_down: bool = False, loss: BfdChange | None = None
) -> Standing:
    return Standing("s", "127.0.0.1", "127.0.0.2", up=is_up, loss=loss, admin_down=admin_down)


def test_a_new_server_learns_whose_remote_system_is_administratively_down() -> None:
    reported = ReportedSessions()
    [told] = reported.attached(stands(admin_down=True), 5.0)
    assert (told.up, told.admin_down, told.already_down, told.at) == (False, True, True, 5.0)
    assert reported.attached(stands(admin_down=True), 6.0) == []
    [over] = reported.attached(stands(), 7.0)
    assert (over.admin_down, over.already_down) == (False, True)
    assert not reported.is_admin_down("s")


def test_a_loss_that_nobody_was_told_comes_with_what_the_remote_system_says_now() -> None:
    reported = ReportedSessions()
    lost = replace(down(), admin_down=True)
    assert reported.attached(stands(admin_down=True, loss=down()), 5.0) == [lost]
    reported = ReportedSessions()
    assert reported.attached(stands(loss=STOPPED), 5.0) == [replace(STOPPED, admin_down=False)]
    gone, back = ReportedSessions().attached(stands(is_up=True, loss=STOPPED), 5.0)
    assert (gone.admin_down, back.up, back.admin_down) == (False, True, False)


def test_a_server_that_meets_its_daemon_again_believes_it_of_the_remote_system() -> None:
    reported = ReportedSessions()
    reported.changed(admin_down())
    reported.daemon_died()
    assert reported.attached(stands(admin_down=True), 5.0) == []
    assert reported.grace_ended(9.0) == []
    reported.daemon_died()
    [back] = reported.attached(stands(is_up=True), 10.0)
    assert back.up
    assert not reported.is_admin_down("s")
    assert reported.grace_ended(11.0) == []


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
