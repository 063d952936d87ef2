"""A program in the place of a chat model: the system that uses it says what it answers.

It is no language model, and everything that shows its runs says so: `kind` is "program".
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal

from iterun.errors import ConfigError
from iterun.models.chat.checks import check_requests
from iterun.models.chat.counting import (
    Counted,
    all_stopped,
    beginning_with,
    count,
    sample_seed,
)
from iterun.models.forms import wrong_form
from iterun.types import ChatModel, Programmed, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from iterun.types import Placement, Proposer, Request


def load(
    form: type, place: Placement, *, name: str, kinds: Sequence[str] | None = None
) -> ProgramChat:
    """The chat model of `conf/model/program.yaml`.

    Args:
        form: `types.ChatModel` or `types.Programmed`.
        place: not used.
        name: as typed after `model=`.
        kinds: judged before this is called.

    Raises:
        ConfigError: it is asked for as something else.
    """
    if form not in (ChatModel, Programmed):
        raise wrong_form(name, "a program", form, kinds or ["chat", "program"])
    return ProgramChat(name)


class ProgramChat(Counted):
    """The model (types.ChatModel and types.Programmed); it counts calls, and no tokens.

    Args:
        name: as typed after `model=`.
        clock: seconds.
    """

    kind: Literal["llm", "scripted", "program"] = "program"

    def __init__(self, name: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.name = name
        self._proposer: Proposer | None = None
        self._clock = clock

    def answer_with(self, proposer: Proposer) -> None:
        """Let `proposer` write the replies; called in `start`, and again after a resume."""
        self._proposer = proposer

    def generate(self, requests: Sequence[Request]) -> list[Reply]:
        """A reply to each, in order.

        Raises:
            ConfigError: the system has no program.
        """
        if (proposer := self._proposer) is None:
            raise ConfigError(
                f"model={self.name}: this system has no program of its own",
                hint="use a language model: model=smollm2-135m, or model=openai model.id=NAME",
            )
        check_requests(requests, seeded=False)
        replies = []
        for request in requests:
            began = self._clock()
            texts = tuple(
                beginning_with(request.prefix, proposer(request, sample_seed(request.seed, j)))
                for j in range(request.n)
            )
            reply = Reply(texts=texts, finish=all_stopped(request.n), seconds=self._clock() - began)
            self._usage.seconds += reply.seconds
            count(self._usage, reply)
            replies.append(reply)
        return replies

    def score(self, request: Request, continuations: Sequence[str]) -> list[float]:
        """Not to be had.

        Raises:
            ConfigError: always.
        """
        raise ConfigError(
            f"model={self.name} is a program, which has no probabilities",
            hint="use a language model on this machine: model=smollm2-135m",
        )

    def close(self) -> None:
        """Nothing is open."""
