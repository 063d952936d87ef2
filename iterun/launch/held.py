"""Signals of a sweep: noted between its jobs; inside one the runner has them.

SIGINT, SIGTERM and SIGUSR2 let the jobs that run come to their checkpoints, and no other one begin.
A second SIGINT leaves at once.
"""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

from iterun.core.signals import CAUGHT

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


class Held:
    """Notes signals while the context is open; puts the old handlers back.

    Args:
        heard: called with the first one, and with each SIGINT after it; does next to nothing.
    """

    def __init__(self, heard: Callable[[signal.Signals], None] = lambda number: None) -> None:
        self.caught: signal.Signals | None = None
        self.raises = False  #: nothing is begun: the first one raises KeyboardInterrupt
        self.again = False  #: a second SIGINT: leave at once
        self._heard = heard
        self._old: dict[signal.Signals, signal._HANDLER] = {}

    def __enter__(self) -> Held:
        if threading.current_thread() is threading.main_thread():
            for number in CAUGHT:
                old = signal.getsignal(number)
                if old is not signal.SIG_IGN:
                    self._old[number] = signal.SIG_DFL if old is None else old
                    signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, old in self._old.items():
            signal.signal(number, old)

    def note(self, number: int) -> None:
        """A signal came, here or to a run."""
        if self.caught is None:
            self.caught = signal.Signals(number)
            self._heard(self.caught)
            if self.raises:
                raise KeyboardInterrupt
        elif number == signal.SIGINT:
            self.again = True
            self._heard(signal.SIGINT)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.note(number)
