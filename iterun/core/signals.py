"""SIGINT, SIGTERM and SIGUSR2 end a run in order; a second SIGINT leaves at once.

A signal is only noted. `Watch` is asked at ticks of `progress`, at safe points and at the end of an
iteration whether to leave. While the main thread sits in native code no Python handler runs, so
that a thread of our own reads the signals from the wake-up descriptor: it sees the second SIGINT
in any case and ends the process if the main thread doesn't within two seconds.

A terminal sends Ctrl-C to all processes of a run. Those that it forked (a data loader's workers)
ignore SIGINT, so that the iteration can end in order; SIGTERM ends them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType

CAUGHT = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2)
UNWIND_SECONDS = 2.0  # how long the main thread may take to leave by itself


class GivenUp(BaseException):
    """The unfinished iteration is given up: the last checkpoint stands.

    No `Exception`, so that no procedure or library takes it for an error of its own.
    """


class Left(BaseException):
    """Left at a safe point, with a checkpoint of the inner position."""


class Signals:
    """Notes the first signal while the context is open; puts the old handlers back.

    Args:
        clock: seconds, as `Watch` has it.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.caught: signal.Signals | None = None
        self.since = 0.0
        self.last_words: Callable[[], None] = lambda: None  #: said before an end by force
        self._clock = clock
        self._interrupts = 0
        self._settled = False
        self._old: dict[signal.Signals, signal._HANDLER] = {}
        self._old_wakeup = -1
        self._pipe: tuple[int, int] | None = None
        self._closed = threading.Event()

    def __enter__(self) -> Signals:
        if threading.current_thread() is not threading.main_thread():
            return self  # Python gives signals to the main thread only: a notebook's server, a pool
        for number in CAUGHT:
            old = signal.getsignal(number)
            # What who started us lets be ignored (nohup, a shell's `&`) stays ignored.
            if old is not signal.SIG_IGN:
                self._old[number] = signal.SIG_DFL if old is None else old
                signal.signal(number, self._note)
        _follow_forks(self)
        self._pipe = os.pipe()
        os.set_blocking(self._pipe[1], False)
        self._old_wakeup = signal.set_wakeup_fd(self._pipe[1], warn_on_full_buffer=False)
        threading.Thread(target=self._watch, args=self._pipe[:1], daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closed.set()
        _follow_forks(None)
        for number, old in self._old.items():
            signal.signal(number, old)
        if self._pipe is not None:
            signal.set_wakeup_fd(self._old_wakeup)
            os.close(self._pipe[1])  # the thread reads the end of it and closes the other one

    def settle(self) -> None:
        """The end is being written: no SIGINT tears it any more."""
        self._settled = True

    def forget(self) -> None:
        """In a forked process: the pipe is the parent's, and so is the order to leave."""
        with contextlib.suppress(ValueError):  # forked from another thread than the main one
            signal.set_wakeup_fd(-1)
            for number in self._old:
                ignored = number == signal.SIGINT
                signal.signal(number, signal.SIG_IGN if ignored else signal.SIG_DFL)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.caught is None:
            self.since = self._clock()
            self.caught = signal.Signals(number)
        if number == signal.SIGINT:
            self._interrupts += 1
            if self._interrupts > 1 and not self._settled:
                raise KeyboardInterrupt

    def _watch(self, descriptor: int) -> None:
        interrupts = 0
        while received := os.read(descriptor, 64):
            interrupts += received.count(signal.SIGINT)
            if interrupts > 1 and not self._closed.wait(UNWIND_SECONDS):
                words = threading.Thread(target=self.last_words, daemon=True)
                words.start()
                words.join(1.0)
                os._exit(128 + signal.SIGINT)
        with contextlib.suppress(OSError):
            os.close(descriptor)


_open: list[Signals] = []  # the one whose context is open: signals belong to the process
_hooked: list[bool] = []


def _follow_forks(signals: Signals | None) -> None:
    """Have forked processes forget these signals; None: no more."""
    _open[:] = [] if signals is None else [signals]
    if not _hooked:
        _hooked.append(True)  # a hook can't be taken away again: one for good
        os.register_at_fork(after_in_child=_forget_all)


def _forget_all() -> None:
    for signals in _open:
        signals.forget()


class Watch:
    """Says whether the run is to leave, and gives an iteration up that doesn't end.

    Args:
        signals: what was caught.
        clock: seconds, monotonic.
        grace: seconds an iteration may still take, `checkpoint.grace`.
        deadline: of `stop.seconds`, on the clock; None: none.
    """

    def __init__(
        self,
        signals: Signals,
        *,
        clock: Callable[[], float],
        grace: float,
        deadline: float | None = None,
    ) -> None:
        self.signals = signals
        self.grace = grace
        self.deadline = deadline
        self._clock = clock

    @property
    def leaving(self) -> bool:
        """Whether a signal came or the time is over."""
        if self.signals.caught is not None:
            return True
        return self.deadline is not None and self._clock() >= self.deadline

    def tick(self) -> None:
        """Called inside iterations.

        Raises:
            GivenUp: the signal or the end of the time is longer ago than the grace.
        """
        if self.signals.caught is None and self.deadline is None:
            return
        now = self._clock()
        if self.signals.caught is not None and now - self.signals.since >= self.grace:
            raise GivenUp
        if self.deadline is not None and now - self.deadline >= self.grace:
            raise GivenUp
