"""Trying again: exponential waits with full jitter, no shorter than the server asks for."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from iterun.models.chat.faults import TransientError

if TYPE_CHECKING:
    from tenacity import RetryCallState

T = TypeVar("T")
FACTOR = 2.0
#: waits for so many seconds, or until the event is set; says whether it is
Pause = Callable[[threading.Event, float], bool]


class AbandonedError(Exception):
    """Nobody waits for the reply any more."""


@dataclass(frozen=True, kw_only=True)
class Retry:
    """How often, and after how long."""

    attempts: int  #: tries, the first included
    first_wait: float  #: seconds: bound of the first wait, doubled for each next one
    max_wait: float  #: seconds: no wait is longer
    pause: Pause = threading.Event.wait

    def call(
        self, send: Callable[[], T], *, stop: threading.Event, seed: str, told: Callable[[], None]
    ) -> T:
        """What `send` returns at last.

        Args:
            send: one try; raises TransientError if another one may help.
            stop: set when nobody waits any more.
            seed: of the jitter; different requests have different ones, so that they spread.
            told: called before each further try.

        Raises:
            TransientError: of the last try.
            AbandonedError: `stop` was set during a wait.
        """
        import tenacity

        draw = random.Random(seed)

        def rest(seconds: float) -> None:
            if self.pause(stop, seconds) or stop.is_set():
                raise AbandonedError
            told()

        loop = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self.attempts),
            wait=lambda state: self._wait(state, draw),
            retry=tenacity.retry_if_exception_type(TransientError),
            sleep=rest,
            reraise=True,
        )
        return loop(send)

    def _wait(self, state: RetryCallState, draw: random.Random) -> float:
        assert state.outcome is not None
        error = state.outcome.exception()
        asked = error.wait if isinstance(error, TransientError) else None
        if asked is not None:
            # A little later than asked for: all requests that were refused at once come apart.
            return min(self.max_wait, asked + draw.uniform(0, self.first_wait))
        bound = self.first_wait * FACTOR ** (state.attempt_number - 1)
        return draw.uniform(0, min(self.max_wait, bound))
