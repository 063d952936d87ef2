"""Tells that a signal was heard: the run goes on to its next safe point, which may take a while."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_HEARD = [s for s in signal.Signals if s.name in ("SIGINT", "SIGTERM", "SIGUSR2")]
TEXT = "stopping at the next safe point; Ctrl-C again leaves at once"


def listen(heard: Callable[[], None]) -> None:
    """Call `heard` when a signal comes that the runner has a handler for, before that handler.

    The runner puts the handlers from before the run back when it is done, and this with them.

    Args:
        heard: does next to nothing: it is called between any two steps of the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in _HEARD:
        handler = signal.getsignal(number)
        if callable(handler) and handler is not signal.default_int_handler:
            signal.signal(number, _after(heard, handler))


def _after(
    heard: Callable[[], None], handler: Callable[[int, FrameType | None], object]
) -> Callable[[int, FrameType | None], None]:
    def both(number: int, frame: FrameType | None) -> None:
        heard()
        handler(number, frame)

    return both
