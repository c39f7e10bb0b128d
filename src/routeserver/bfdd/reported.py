"""Which BFD sessions the server takes for up, across the lives of its daemon.

When the daemon dies, the sessions that were up become doubtful: nobody watches them, which is no
sign of a failure. They stay up until the next daemon has watched them for a grace time without
hearing them; what it reports of a doubtful session meanwhile is only remembered, because the remote
system may have missed the daemon too. When only the server died, the daemon knows, and is believed.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

from routeserver.bfdd.spec import BfdChange, Standing


class ReportedSessions:
    def __init__(self) -> None:
        self._up: set[str] = set()
        self._doubtful: dict[str, BfdChange | None] = {}

    def is_up(self, session_id: str) -> bool:
        return session_id in self._up

    def keep_only(self, session_ids: Container[str]) -> None:
        """Forget, without a word, the sessions that are no longer wanted."""
        self._up = {session_id for session_id in self._up if session_id in session_ids}
        self._doubtful = {
            session_id: change
            for session_id, change in self._doubtful.items()
            if session_id in session_ids
        }

    def daemon_died(self) -> None:
        self._doubtful = dict.fromkeys(sorted(self._up))

    def heard(self, session_id: str) -> None:
        """The remote system answered the present daemon."""
        self._doubtful.pop(session_id, None)

    def attached(self, standing: Standing, at: float) -> list[BfdChange]:
        """What to report of a session that its daemon has watched all along, for a server that
        learns of it only now: a loss that nobody was told, and that it is up."""
        session_id = standing.session_id
        self.heard(session_id)
        changes = []
        loss = standing.loss
        if loss is None and session_id in self._up and not standing.up:
            reason = "the session went down while the server did not listen to the BFD daemon"
            loss = BfdChange(session_id, up=False, reason=reason, at=at, failure=True)
        if loss is not None:
            self._up.discard(session_id)
            changes.append(loss)
        if standing.up and session_id not in self._up:
            self._up.add(session_id)
            reason = "it was up when the server attached to the BFD daemon"
            changes.append(BfdChange(session_id, up=True, reason=reason, at=at))
        return changes

    def changed(self, change: BfdChange) -> BfdChange | None:
        """What to report for what the daemon said; None for nothing."""
        session_id = change.session_id
        if session_id in self._doubtful:
            if change.up:
                self.heard(session_id)
            else:
                self._doubtful[session_id] = change
            return None
        if change.up == self.is_up(session_id):
            return None
        if change.up:
            self._up.add(session_id)
        else:
            self._up.discard(session_id)
        return change

    def grace_ended(self, at: float) -> list[BfdChange]:
        """The doubtful sessions that never came back, now as losses to report."""
        changes = []
        reason = "the session did not come up again after a restart of the BFD daemon"
        for session_id, last in self._doubtful.items():
            self._up.discard(session_id)
            silent = BfdChange(session_id, up=False, reason=reason, at=at, failure=True)
            changes.append(replace(last or silent, at=at))
        self._doubtful = {}
        return changes
