"""Where a system's questions go out: counted, written down, and given up if a server fails.

Every call stands in transcript.jsonl as one row, with what the system made of the answer; each
iteration's metrics say what was spent.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Protocol

from iterun.types import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iterun.types import ChatModel, Reply, Request

TRANSCRIPT = "transcript.jsonl"
NO_LANGUAGE_MODEL = "programmatic proposer, no language model"


class Keeper(Protocol):
    """What the desk needs of a run."""

    def append(self, name: str, rows: Sequence[Any]) -> None: ...
    def tokens(self, n: int) -> None: ...
    def calls(self, n: int = 1) -> None: ...
    def cost(self, **numbers: float) -> None: ...
    def tick(self) -> None: ...
    def warn(self, text: str) -> None: ...
    def resolve(self, **values: Any) -> None: ...


@dataclass(kw_only=True)
class Exchange:
    """A request and its reply, with what became of each sample."""

    request: Request
    reply: Reply
    parsed: list[Any]  #: by sample; None: it doesn't parse, or nobody looked
    verdicts: list[Mapping[str, Any] | None]

    @property
    def failed(self) -> bool:
        """No reply came."""
        return self.reply.finish[0] == "error"

    def judged(self, sample: int, parsed: Any, verdict: Mapping[str, Any] | None) -> None:
        """Note for the transcript what sample says and how it was judged; JSON values."""
        self.parsed[sample], self.verdicts[sample] = parsed, verdict


class Desk:
    """Asks one chat model on behalf of one run.

    Args:
        model: the chat model.
        run: takes the transcript, the counts and remarks.
    """

    def __init__(self, model: ChatModel, run: Keeper) -> None:
        self.model = model
        self._run = run
        self._before: Usage | None = None  # of the iteration that goes on
        self._paid = 0.0  # before it
        self._open: list[Exchange] = []
        if hasattr(model, "while_waiting"):  # signals are heard while it thinks
            model.while_waiting = run.tick
        run.resolve(model_kind=model.kind)
        if model.kind == "program":
            run.warn(f"model={model.name}: {NO_LANGUAGE_MODEL}; it says nothing about any")

    @property
    def subtitle(self) -> str:
        """What pictures say below their title; empty for language models."""
        return NO_LANGUAGE_MODEL if self.model.kind == "program" else ""

    def ask(self, requests: Sequence[Request]) -> list[Exchange]:
        """An exchange for each request, in order.

        Raises:
            ConfigError: the model can't be used as it is set.
            ServerError: its server failed too often.
        """
        if self._before is None:
            self._before, self._paid = replace(self.model.usage()), self._price() or 0.0
        replies = self.model.generate(requests) if requests else []
        found = [_exchange(*pair) for pair in zip(requests, replies, strict=True)]
        self._open += found
        return found

    def file(self) -> None:
        """Write the exchanges since the last time into the transcript."""
        self._run.append(TRANSCRIPT, [self._row(exchange) for exchange in self._open])
        self._open = []

    def metrics(self) -> dict[str, int]:
        """What this iteration has spent; once an iteration, after its last question."""
        spent = _difference(self.model.usage(), self._before)
        self._before = None
        self._run.tokens(spent.tokens_prompt + spent.tokens_completion)
        self._run.calls(spent.calls)
        self._run.cost(seconds_model=spent.seconds)
        if (price := self._price()) is not None:
            self._run.cost(price=price - self._paid)
        return {
            "calls_cached": spent.calls_cached,
            "retries": spent.retries,
            "errors": spent.errors,
            "cut": spent.cut,
            "tokens_prompt": spent.tokens_prompt,
            "tokens_completion": spent.tokens_completion,
            "tokens_logical": spent.tokens_logical,
        }

    def _price(self) -> float | None:
        """Of all that was paid for so far, where model.price_in and price_out say it."""
        paid = getattr(self.model, "paid", None)
        return paid() if callable(paid) else None

    def _row(self, exchange: Exchange) -> dict[str, Any]:
        request, reply = exchange.request, exchange.reply
        said = [
            {"text": text, "finish": finish, "parsed": parsed, "verdict": verdict}
            for text, finish, parsed, verdict in zip(
                reply.texts, reply.finish, exchange.parsed, exchange.verdicts, strict=True
            )
        ]
        row = {
            **request.tag,
            "model": self.model.name,
            "kind": self.model.kind,
            "messages": [vars(message) for message in request.messages],
            "prefix": request.prefix,
            "replies": said,
            "constrained": reply.constrained,
            "cached": reply.cached,
            "tokens_prompt": reply.prompt_tokens,
            "tokens_completion": reply.completion_tokens,
            "seconds": round(reply.seconds, 3),
            "error": reply.error,
        }
        return {name: value for name, value in row.items() if value is not False and value != ""}


def _exchange(request: Request, reply: Reply) -> Exchange:
    n = len(reply.texts)
    return Exchange(request=request, reply=reply, parsed=[None] * n, verdicts=[None] * n)


def _difference(after: Usage, before: Usage | None) -> Usage:
    """What was spent between; nothing if nothing was asked."""
    if before is None:
        return Usage()
    return Usage(
        **{it.name: getattr(after, it.name) - getattr(before, it.name) for it in fields(Usage)}
    )
