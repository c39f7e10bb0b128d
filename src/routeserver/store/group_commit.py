"""Writers of one SQLite connection, who take turns and share commits.

A commit waits for the disk, and nothing can be written meanwhile. So a writer's turn ends when its
work is handed to the connection's thread, and the thread commits when nothing more waits to be
done: under load one commit serves many. Everyone's work is a savepoint of the shared transaction
and can fail alone. Nobody's block ends before the commit that holds its work is on the disk; when
that fails, it fails for all of them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final, Protocol, TypeVar

from sqlalchemy import Connection

from routeserver.store.driver import begun, commit, driver_of, rollback
from routeserver.store.errors import StoreError, translated

T = TypeVar("T")

MOST: Final = 64
"""Writers that share a commit at most."""
LONGEST_S: Final = 0.02
"""How long the first of them may wait for others while there is more to do."""

ENDED: Final = "the database has rolled the transaction back; see the first error"

_SAVEPOINT: Final = "SAVEPOINT turn"
_RELEASE: Final = "RELEASE turn"
_ROLLBACK: Final = "ROLLBACK TO turn"


class Thread(Protocol):
    """Where the connection lives. What is asked first is done first."""

    what: str
    """What errors are about."""

    async def run(self, work: Callable[[Connection], T]) -> T: ...

    def soon(self, work: Callable[[Connection], object]) -> None:
        """Executes `work` before whatever is asked next; nobody is told how it went."""

    @property
    def has_more(self) -> bool:
        """Whether something has been asked that is not begun yet."""


class Turn:
    """A writer's turn, as its lease."""

    dialect: Final = "sqlite"

    def __init__(self, group: GroupCommit) -> None:
        self._group = group
        self._began = False
        self._is_alone = True
        self.is_over = False

    async def run(self, work: Callable[[Connection], T]) -> T:
        def step(connection: Connection) -> T:
            self._begin(connection)
            return work(connection)

        self._group.hand_over()
        return await self._group.thread.run(step)

    async def commit(self, first: Callable[[Connection], None] | None = None) -> None:
        """Cancelled while it waits, what was written may be kept."""
        member = _Member(self, first, asyncio.get_running_loop().create_future())
        self.is_over = True
        self._group.finished(member)
        with translated(self._group.thread.what):
            await member.told

    # --- in the thread ----------------------------------------------------------------------------

    def _begin(self, connection: Connection) -> None:
        raw = driver_of(connection)
        if self._began:
            if not raw.in_transaction:
                raise StoreError(ENDED)
            return
        self._is_alone = not raw.in_transaction
        if self._is_alone:
            begun(connection)
        else:
            raw.execute(_SAVEPOINT)
        self._began = True

    def finish(self, connection: Connection, first: Callable[[Connection], None] | None) -> bool:
        """Whether there is anything to commit."""
        if first is not None:
            self._begin(connection)
            first(connection)
        if self._began and not self._is_alone:
            driver_of(connection).execute(_RELEASE)
        return self._began

    def undo(self, connection: Connection) -> None:
        if not self._began:
            return
        raw = driver_of(connection)
        if self._is_alone or not raw.in_transaction:
            # SQLite ends the whole transaction itself when the disk is full.
            rollback(connection)
        else:
            raw.execute(_ROLLBACK)
            raw.execute(_RELEASE)


class _Member:
    """A turn that is over, and who waits for its commit."""

    __slots__ = ("first", "told", "turn")

    def __init__(
        self,
        turn: Turn,
        first: Callable[[Connection], None] | None,
        told: asyncio.Future[None],
    ) -> None:
        self.turn = turn
        self.first = first
        self.told = told


class GroupCommit:
    def __init__(self, thread: Thread) -> None:
        self.thread = thread
        self.turns = asyncio.Lock()
        """First come, first served."""
        self._finished: list[_Member] = []
        """Whose turn is over, before the thread knows."""
        # What follows is the thread's.
        self._uncommitted: list[_Member] = []
        self._first_at = 0.0

    @asynccontextmanager
    async def writer(self) -> AsyncIterator[Turn]:
        await self.turns.acquire()
        turn = Turn(self)
        try:
            yield turn
        except BaseException:
            if not turn.is_over:
                self.thread.soon(lambda connection: self._give_up(connection, turn))
            raise
        finally:
            if not turn.is_over:
                self.turns.release()

    def finished(self, member: _Member) -> None:
        """Ends the member's turn. Those who end theirs at one moment go to the thread together."""
        if not self._finished:
            asyncio.get_running_loop().call_soon(self.hand_over)
        self._finished.append(member)
        self.turns.release()

    def hand_over(self) -> None:
        """To be called before anything else is asked of the thread."""
        if self._finished:
            members, self._finished = self._finished, []
            try:
                self.thread.soon(lambda connection: self._perform(connection, members))
            except StoreError as closed:
                _settle(members, closed)

    # --- in the thread ----------------------------------------------------------------------------

    def _perform(self, connection: Connection, members: Sequence[_Member]) -> None:
        for member in members:
            try:
                has_begun = member.turn.finish(connection, member.first)
            except BaseException as error:
                self._undo(connection, member.turn, error)
                _tell([member], error)
            else:
                if not has_begun:
                    _tell([member], None)
                    continue
                if not self._uncommitted:
                    self._first_at = time.monotonic()
                self._uncommitted.append(member)
                if len(self._uncommitted) >= MOST:
                    self._commit(connection)
        self._commit_when_due(connection)

    def _give_up(self, connection: Connection, turn: Turn) -> None:
        self._undo(connection, turn, None)
        self._commit_when_due(connection)

    def _undo(self, connection: Connection, turn: Turn, why: BaseException | None) -> None:
        turn.undo(connection)
        if self._uncommitted and not driver_of(connection).in_transaction:
            lost, self._uncommitted = self._uncommitted, []
            _tell(lost, why or StoreError(ENDED))

    def _commit_when_due(self, connection: Connection) -> None:
        if self._uncommitted and (
            not self.thread.has_more or time.monotonic() - self._first_at > LONGEST_S
        ):
            self._commit(connection)

    def _commit(self, connection: Connection) -> None:
        members, self._uncommitted = self._uncommitted, []
        try:
            commit(connection)
        except BaseException as error:
            rollback(connection)
            _tell(members, error)
        else:
            _tell(members, None)


def _tell(members: Sequence[_Member], failure: BaseException | None) -> None:
    """From the thread. A loop that has ended meanwhile needs no answer."""
    with suppress(RuntimeError):
        members[0].told.get_loop().call_soon_threadsafe(_settle, members, failure)


def _settle(members: Sequence[_Member], failure: BaseException | None) -> None:
    for member in members:
        if member.told.done():
            continue
        if failure is None:
            member.told.set_result(None)
        else:
            member.told.set_exception(failure)
