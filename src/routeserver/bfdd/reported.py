"""Which BFD sessions the server takes for up, and whose remote systems for administratively down,
across the lives of its daemon.

When the daemon dies, the sessions that were up become doubtful: nobody watches them, which is no
sign of a failure. They stay up until the next daemon has watched them for a grace time without
hearing them; what it reports of a doubtful session meanwhile is only remembered, because the remote
system may have missed the daemon too. When only the server died, the daemon knows, and is believed.
A remote system that was administratively down stays so for the same time, or until the next daemon
hears it.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

from routeserver.bfdd.spec import BfdChange, Standing


class ReportedSessions:
    def __init__(self) -> None:
        self._up: set[str] = set()
        self._admin_down: set[str] = set()  # never one that is up
        self._doubtful: dict[str, BfdChange | None] = {}
        self._unheard: set[str] = set()  # of those in _admin_down

    def is_up(self, session_id: str) -> bool:
        return session_id in self._up

    def is_admin_down(self, session_id: str) -> bool:
        return session_id in self._admin_down

    def keep_only(self, session_ids: Container[str]) -> None:
        """Forget, without a word, the sessions that are no longer wanted."""
        self._up = {session_id for session_id in self._up if session_id in session_ids}
        self._admin_down = {known for known in self._admin_down if known in session_ids}
        self._unheard &= self._admin_down
        self._doubtful = {
            session_id: change
            for session_id, change in self._doubtful.items()
            if session_id in session_ids
        }

    def daemon_died(self) -> None:
        self._doubtful = dict.fromkeys(sorted(self._up))
        self._unheard = set(self._admin_down)

    def heard(self, session_id: str) -> None:
        """The remote system answered the present daemon."""
        self._doubtful.pop(session_id, None)
        self._unheard.discard(session_id)

    def attached(self, standing: Standing, at: float) -> list[BfdChange]:
        """What to report of a session that its daemon has watched all along, for a server that
        learns of it only now: a loss that nobody was told, and how it stands."""
        session_id = standing.session_id
        self.heard(session_id)
        changes = []
        loss = standing.loss
        if loss is None and session_id in self._up and not standing.up:
            reason = "the session went down while the server did not listen to the BFD daemon"
            loss = BfdChange(session_id, up=False, reason=reason, at=at, failure=True)
        if loss is not None:
            changes.append(self._stands(replace(loss, admin_down=standing.admin_down)))
        if standing.up and session_id not in self._up:
            reason = "it was up when the server attached to the BFD daemon"
            changes.append(self._stands(BfdChange(session_id, up=True, reason=reason, at=at)))
        if standing.admin_down != self.is_admin_down(session_id):
            is_so = "is" if standing.admin_down else "is not"
            reason = f"the remote system {is_so} administratively down, the BFD daemon says"
            changes.append(self._stands(_already_down(session_id, reason, at, standing.admin_down)))
        return changes

    def changed(self, change: BfdChange) -> BfdChange | None:
        """What to report for what the daemon said; None for nothing."""
        session_id = change.session_id
        if session_id in self._doubtful:
            if change.up:
                self.heard(session_id)
            else:
                self._remember(change)
            return None
        self.heard(session_id)
        was_up, was_admin_down = self.is_up(session_id), self.is_admin_down(session_id)
        is_same = (change.up, change.admin_down) == (was_up, was_admin_down)
        # A failure of a session that was not up is of one that came up so shortly before that the
        # daemon did not tell of it.
        if is_same and not change.failure:
            return None
        if not (change.up or was_up or change.failure):
            change = replace(change, already_down=True)
        return self._stands(change)

    def grace_ended(self, at: float) -> list[BfdChange]:
        """The doubtful sessions that never came back, now as losses to report."""
        changes = []
        reason = "the session did not come up again after a restart of the BFD daemon"
        for session_id, last in self._doubtful.items():
            silent = BfdChange(session_id, up=False, reason=reason, at=at, failure=True)
            changes.append(self._stands(replace(last or silent, at=at)))
        self._doubtful = {}
        reason = "the remote system was not heard again after a restart of the BFD daemon"
        changes.extend(
            self._stands(_already_down(session_id, reason, at, admin_down=False))
            for session_id in sorted(self._unheard)
        )
        self._unheard.clear()
        return changes

    def _remember(self, change: BfdChange) -> None:
        """Of a doubtful session: its loss, and what was last said of the remote system."""
        known = self._doubtful[change.session_id]
        if change.already_down and known is not None:
            change = replace(known, admin_down=change.admin_down)
        # It was up when this was last reported, by whichever daemon.
        self._doubtful[change.session_id] = replace(change, already_down=False)

    def _stands(self, change: BfdChange) -> BfdChange:
        """From now on the session is taken for what this says, which is to be reported."""
        _put(change.session_id, self._up, among=change.up)
        _put(change.session_id, self._admin_down, among=change.admin_down)
        return change


def _already_down(session_id: str, reason: str, at: float, admin_down: bool) -> BfdChange:
    return BfdChange(
        session_id, up=False, reason=reason, at=at, admin_down=admin_down, already_down=True
    )


def _put(session_id: str, which: set[str], *, among: bool) -> None:
    if among:
        which.add(session_id)
    else:
        which.discard(session_id)
