"""One request put to a server until it has its replies, or is found not to get any."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from iterun.models.chat.counting import sample_seed
from iterun.models.chat.faults import RejectedError, TransientError, sorted_out
from iterun.types import Reply

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from openai import OpenAI

    from iterun.models.chat.dialect import Dialect
    from iterun.models.chat.endpoint import Endpoint
    from iterun.models.chat.retry import Retry
    from iterun.types import Request


@dataclass
class Gained:
    """What came back for one request so far."""

    texts: list[str] = field(default_factory=list)
    cut: list[bool] = field(default_factory=list)  #: ended at max_tokens, by sample
    held: list[bool] = field(default_factory=list)  #: to a schema, by sample
    prompt_tokens: int = 0
    completion_tokens: int = 0
    retries: int = 0


@dataclass(kw_only=True)
class Asker:
    """Puts requests to one server; used by several threads at once."""

    client: OpenAI
    place: Endpoint
    dialect: Dialect
    retry: Retry
    clock: Callable[[], float] = time.monotonic  #: seconds
    now: Callable[[], float] = time.time  #: seconds since 1970

    def reply(self, request: Request, seed: str, stop: threading.Event) -> Reply:
        """All samples; one that could not be had after all tries makes it an error.

        Args:
            request: what is asked.
            seed: of the waits.
            stop: set when nobody waits any more.

        Raises:
            ConfigError: no request will ever be answered as things are set.
            AbandonedError: `stop` was set.
        """
        began, gained, error = self.clock(), Gained(), ""
        try:
            while len(gained.texts) < request.n:
                self._gain(request, gained, seed, stop)
        except TransientError as failed:
            error = f"{failed}; tried {self.retry.attempts} times"
        except RejectedError as failed:
            error = str(failed)
        finish = ["length" if cut else "stop" for cut in gained.cut]
        return Reply(
            texts=("",) * request.n if error else tuple(gained.texts),
            finish=("error",) * request.n if error else tuple(finish),  # type: ignore[arg-type]  # of these words
            prompt_tokens=gained.prompt_tokens,
            completion_tokens=gained.completion_tokens,
            retries=gained.retries,
            constrained=not error and all(gained.held),
            seconds=self.clock() - began,
            error=error,
        )

    def _gain(self, request: Request, gained: Gained, seed: str, stop: threading.Event) -> None:
        """Ask for the samples that are missing; some servers give one at a time."""
        have = len(gained.texts)
        n = 1 if "n" in self.dialect.refused else request.n - have
        drawn = None if request.seed is None else sample_seed(request.seed, have)
        arguments = self.dialect.arguments(request, n, drawn)

        def again() -> None:
            gained.retries += 1

        try:
            choices, usage = self.retry.call(
                lambda: self._send(arguments), stop=stop, seed=f"{seed}:{have}", told=again
            )
        except RejectedError as refusal:
            if not self.dialect.gives_up(request, arguments, refusal.parameter, refusal.said):
                raise
            return  # the caller asks anew, without
        gained.prompt_tokens += _whole(usage, "prompt_tokens")
        gained.completion_tokens += _whole(usage, "completion_tokens")
        for content, cut in choices[:n]:
            text, held = self.dialect.text(request, arguments, self.place.scrub(content))
            gained.texts.append(text)
            gained.cut.append(cut)
            gained.held.append(held)

    def _send(self, arguments: dict[str, Any]) -> tuple[list[tuple[str, bool]], object]:
        """One call: (text, ended at max_tokens) of each sample, and the tokens as counted there."""
        try:
            completion = self.client.chat.completions.create(**arguments)
        except Exception as error:
            sorted_error = sorted_out(error, self.place, self.now)
            if sorted_error is None:
                raise
            raise sorted_error from None  # what the client raised may show the key
        # The client believes what it gets: a web page is a string, a choice may lack its message.
        choices = getattr(completion, "choices", None)
        if not isinstance(choices, list) or not choices:
            raise TransientError(
                f"{self.place.place} sent what is no reply, or one without choices"
            )
        samples = [_content(choice) for choice in choices]
        if any(sample is None for sample in samples):
            raise TransientError(f"{self.place.place} sent a reply without text")
        return [it for it in samples if it is not None], getattr(completion, "usage", None)


def _content(choice: object) -> tuple[str, bool] | None:
    """(text, ended at max_tokens); None: there is no text."""
    message = getattr(choice, "message", None)
    cut = getattr(choice, "finish_reason", None) == "length"
    text = getattr(message, "content", None)
    if text is None:
        text = getattr(message, "refusal", None)  # the model's own words, too
    if text is None and message is not None and cut:
        text = ""  # all tokens went into thoughts that aren't shown
    return (_sendable(text), cut) if isinstance(text, str) else None


def _sendable(text: str) -> str:
    r"""Half a surrogate pair (JSON may spell one: "\ud800") can neither be sent nor written."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _whole(usage: object, name: str) -> int:
    value = getattr(usage, name, None)
    return value if isinstance(value, int) and value > 0 else 0
