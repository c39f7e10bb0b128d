"""Writers of one SQLite connection, who take turns and share commits.

A commit waits for the disk, and nothing can be written meanwhile. So a writer's turn ends when its
work is handed to the connection's thread, and the thread commits when nothing more waits to be
done: under load one commit serves many. Whoever has asked the database nothing before, as most have
not, is finished together with others: in one savepoint and by statements that serve them all. When
that fails, and for everyone else, a writer's work is a savepoint of its own in the shared
transaction and can fail alone. Nobody's block ends before the commit that holds its work is on the
disk; when that fails, it fails for all of them.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from itertools import groupby
from types import TracebackType
from typing import Final, Protocol, TypeVar

from sqlalchemy import Connection

from routeserver.store.driver import begun, commit, driver_of, rollback
from routeserver.store.errors import StoreError, translated
from routeserver.store.steps import Step, merged, perform

T = TypeVar("T")

MOST: Final = 64
"""After so many writers the thread commits, whatever else waits; at most so many more share it."""
LONGEST_S: Final = 0.005
"""How long the first of them may wait for others while there is more to do. With four times as much
all who wrote waited for one commit at last, with nobody left whose request could be read
meanwhile."""

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

    @property
    def has_begun(self) -> bool:
        """For the thread: whether there is anything of it in the database."""
        return self._began

    async def run(self, work: Callable[[Connection], T]) -> T:
        def step(connection: Connection) -> T:
            self._begin(connection)
            return work(connection)

        self._group.end_batch()
        return await self._group.thread.run(step)

    async def commit(self, steps: Sequence[Step] = ()) -> None:
        """Cancelled while it waits, what was written may be kept."""
        member = _Member(self, steps, asyncio.get_running_loop().create_future())
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

    def finish(self, connection: Connection, steps: Sequence[Step]) -> bool:
        """Whether there is anything to commit."""
        if steps:
            self._begin(connection)
            perform(steps, connection)
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

    __slots__ = ("steps", "told", "turn")

    def __init__(self, turn: Turn, steps: Sequence[Step], told: asyncio.Future[None]) -> None:
        self.turn = turn
        self.steps = steps
        self.told = told

    @property
    def is_fresh(self) -> bool:
        """Whether all it does is in its steps: these can be taken back and done again."""
        return bool(self.steps) and not self.turn.has_begun


class _Batch:
    """Turns that ended one after the other, until the thread takes them."""

    def __init__(self) -> None:
        self._members: list[_Member] = []
        self._is_taken = False
        self._lock = threading.Lock()

    def add(self, member: _Member) -> bool:
        """Whether it is still taken along."""
        with self._lock:
            if self._is_taken or len(self._members) >= MOST:
                return False
            self._members.append(member)
            return True

    def take(self) -> list[_Member]:
        with self._lock:
            self._is_taken = True
            return self._members


class GroupCommit:
    def __init__(self, thread: Thread) -> None:
        self.thread = thread
        self.turns = asyncio.Lock()
        """First come, first served."""
        self._batch: _Batch | None = None
        """What the thread was last asked to do, if that was to finish turns."""
        # What follows is the thread's.
        self._uncommitted: list[_Member] = []
        self._first_at = 0.0

    def writer(self) -> AbstractAsyncContextManager[Turn]:
        return _Writer(self)

    def give_up(self, turn: Turn) -> None:
        """Nothing of the turn is kept."""
        self.end_batch()
        self.thread.soon(lambda connection: self._give_up(connection, turn))

    def finished(self, member: _Member) -> None:
        """Ends the member's turn. Those who end theirs while the thread is busy go to it
        together."""
        self.turns.release()
        if self._batch is not None and self._batch.add(member):
            return
        self._batch = batch = _Batch()
        batch.add(member)
        try:
            self.thread.soon(lambda connection: self._perform(connection, batch.take()))
        except StoreError as closed:
            _settle([member], closed)

    def end_batch(self) -> None:
        """To be called before anything else is asked of the thread: turns that end later come after
        it."""
        self._batch = None

    def commit_rest(self) -> None:
        """Nobody has a turn any more: what was left to share a commit with what comes is
        committed."""
        self.end_batch()
        self.thread.soon(self._commit_rest)

    # --- in the thread ----------------------------------------------------------------------------

    def _perform(self, connection: Connection, members: Sequence[_Member]) -> None:
        for is_fresh, following in groupby(members, lambda member: member.is_fresh):
            some = list(following)
            if is_fresh and len(some) > 1 and self._finished_as_one(connection, some):
                continue
            for member in some:
                self._finish(connection, member)
        self._commit_when_due(connection)

    def _finished_as_one(self, connection: Connection, members: Sequence[_Member]) -> bool:
        """Whether all went well; otherwise nothing of it has happened."""
        together = Turn(self)
        try:
            together.finish(connection, merged(step for each in members for step in each.steps))
        except BaseException as error:
            self._undo(connection, together, error)
            return False
        self._keep(connection, members)
        return True

    def _finish(self, connection: Connection, member: _Member) -> None:
        try:
            has_begun = member.turn.finish(connection, member.steps)
        except BaseException as error:
            self._undo(connection, member.turn, error)
            _tell([member], error)
            return
        if has_begun:
            self._keep(connection, [member])
        else:
            _tell([member], None)

    def _keep(self, connection: Connection, members: Sequence[_Member]) -> None:
        if not self._uncommitted:
            self._first_at = time.monotonic()
        self._uncommitted += members
        if len(self._uncommitted) >= MOST:
            self._commit(connection)

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

    def _commit_rest(self, connection: Connection) -> None:
        if self._uncommitted:
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


class _Writer:
    """The block in which a writer has its turn."""

    __slots__ = ("_group", "_turn")

    def __init__(self, group: GroupCommit) -> None:
        self._group = group
        self._turn = Turn(group)

    async def __aenter__(self) -> Turn:
        await self._group.turns.acquire()
        return self._turn

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._turn.is_over:
            return
        try:
            if error is not None:
                self._group.give_up(self._turn)
        finally:
            self._group.turns.release()


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
