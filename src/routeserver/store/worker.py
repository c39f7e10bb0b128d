"""One thread that does what it is asked, in order, and tells an event loop how each step went.

What `ThreadPoolExecutor` and `asyncio.wrap_future` do for a pool of one costs more than most of the
steps asked of it: two futures, four locks and two callbacks for each.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")

_Step: TypeAlias = "tuple[Callable[[], Any], asyncio.Future[Any] | None]"


class Worker:
    """The thread ends with `stop`, or when nobody holds the worker any more."""

    def __init__(self, name: str) -> None:
        self._steps: SimpleQueue[_Step | None] = SimpleQueue()
        self._stopped = False
        threading.Thread(target=_work, args=(self._steps,), name=name, daemon=True).start()
        weakref.finalize(self, self._steps.put, None)

    def run(self, step: Callable[[], T]) -> asyncio.Future[T]:
        """Raises RuntimeError after `stop`. A future cancelled before its step begins is not
        begun."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._ask(step, future)
        return future

    def soon(self, step: Callable[[], object]) -> None:
        """Before whatever is asked next; nobody is told how it went."""
        self._ask(step, None)

    @property
    def has_more(self) -> bool:
        """For the thread itself: whether a step waits that is not begun."""
        return not self._steps.empty()

    def stop(self) -> None:
        """After the steps asked so far."""
        self._stopped = True
        self._steps.put(None)

    def _ask(self, step: Callable[[], Any], future: asyncio.Future[Any] | None) -> None:
        if self._stopped:
            raise RuntimeError("the worker has stopped")
        self._steps.put((step, future))


def _work(steps: SimpleQueue[_Step | None]) -> None:
    while True:
        asked = steps.get()
        if asked is None:
            return
        step, future = asked
        result: Any = None
        failure: BaseException | None = None
        if future is None or not future.cancelled():
            try:
                result = step()
            except BaseException as error:
                failure = error
            if future is not None:
                # A loop that has ended meanwhile needs no answer.
                with suppress(RuntimeError):
                    future.get_loop().call_soon_threadsafe(_settle, future, result, failure)
        # Nothing of a step is kept alive until the next one comes.
        del asked, step, future, result, failure


def _settle(future: asyncio.Future[Any], result: Any, failure: BaseException | None) -> None:
    if future.cancelled():
        return
    if failure is None:
        future.set_result(result)
    else:
        future.set_exception(failure)
