"""A bounded number of threads that wait for a server, and a main thread that can be interrupted.

The threads are daemons: one that hangs in a call holds up neither Ctrl-C nor the end of the
process, as those of `concurrent.futures` do.
"""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Item = TypeVar("Item")
Result = TypeVar("Result")
TICK = 0.1  # seconds between two looks at whether the run is to leave


def as_completed(
    work: Callable[[Item, threading.Event], Result],
    items: Sequence[Item],
    *,
    limit: int,
    while_waiting: Callable[[], None],
) -> Iterator[tuple[int, Result]]:
    """(number of the item, result) in the order in which they come; the first error ends it.

    Args:
        work: done in a thread; its event is set when nobody waits any more.
        items: taken in order.
        limit: threads.
        while_waiting: called in the caller's thread now and then; may raise.
    """
    todo: queue.SimpleQueue[tuple[int, Item]] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, Result | BaseException]] = queue.SimpleQueue()
    stop = threading.Event()
    for pair in enumerate(items):
        todo.put(pair)

    def take() -> None:
        while not stop.is_set():
            try:
                number, item = todo.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((number, work(item, stop)))
            except BaseException as error:  # noqa: BLE001  raised again by the one who waits
                done.put((number, error))  # first: those that only hear of the stop come after it
                stop.set()

    for _ in range(min(limit, len(items))):
        threading.Thread(target=take, name="iterun-chat", daemon=True).start()
    try:
        for _ in items:
            number, result = _next(done, while_waiting)
            if isinstance(result, BaseException):
                raise result
            yield number, result
    finally:
        stop.set()


def _next(done: queue.SimpleQueue[Result], while_waiting: Callable[[], None]) -> Result:
    while True:
        while_waiting()
        try:
            return done.get(timeout=TICK)
        except queue.Empty:
            continue
