"""Free replies: a batch goes on token by token, and what is finished makes room for the next."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import torch

from iterun.models.chat.rows import ROOM, Rows
from iterun.models.chat.sampling import choose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from iterun.models.chat.conversation import Conversation
    from iterun.models.chat.network import Network
    from iterun.models.chat.prefixes import Prefilled, Prefixes
    from iterun.models.chat.sampling import Draw

End = Literal["stop", "length", "error"]  # of a reply; free ones end without errors
SPARSE = 0.75  # share of rows still going on below which the others are taken out
BYTES = 4  # tokens that one character may take


@dataclass(kw_only=True)
class Sample:
    """One reply on its way."""

    prompt: list[int]
    draw: Draw
    max_tokens: int
    stops: tuple[str, ...]  #: it ends before any of these
    tokens: list[int] = field(default_factory=list)
    is_finished: bool = False
    finish: End = "stop"  #: what ended it
    text: str = ""  #: whole, once it is finished

    def add(self, token: int, talk: Conversation) -> None:
        """Take the next token, and finish if it is the last one."""
        self.tokens.append(token)
        if token in talk.ends:
            self._finish(talk.text(self.prompt, self.tokens[:-1]), "stop")
        elif self._may_have_stopped(talk) and (text := self._before_stop(talk)) is not None:
            self._finish(text, "stop")
        elif len(self.tokens) == self.max_tokens:
            self._finish(talk.text(self.prompt, self.tokens), "length")

    def _finish(self, text: str, how: End) -> None:
        self.text, self.finish, self.is_finished = text, how, True

    def _may_have_stopped(self, talk: Conversation) -> bool:
        """Whether a stop string stands at the end: decoding all each time would take long."""
        if not self.stops:
            return False
        tail = self.tokens[-BYTES * (max(map(len, self.stops)) + 1) :]
        text = talk.text([*self.prompt, *self.tokens[: -len(tail)]], tail)
        return any(stop in text for stop in self.stops)

    def _before_stop(self, talk: Conversation) -> str | None:
        text = talk.text(self.prompt, self.tokens)
        found = [at for stop in self.stops if (at := text.find(stop)) >= 0]
        return text[: min(found)] if found else None


class Decoder:
    """Finishes samples, `batch_size` at a time.

    Long prompts go first, so that whatever is let in later fits into the columns in use. Which
    samples share a batch depends on the samples alone.

    Args:
        network: computes.
        prefixes: computes prompts.
        talk: turns tokens into text.
        batch_size: rows.
    """

    def __init__(
        self, network: Network, prefixes: Prefixes, talk: Conversation, batch_size: int
    ) -> None:
        self._network, self._prefixes, self._talk = network, prefixes, talk
        self._batch_size = batch_size
        self._waiting: deque[Sample] = deque()
        self._slots: list[Sample | None] = []
        self._head: Prefilled | None = None

    def finish(self, samples: Sequence[Sample]) -> None:
        """Decode all of them to their ends.

        Raises:
            DivergedError: the network's logits are not numbers.
        """
        self._waiting = deque(sorted(samples, key=lambda sample: -len(sample.prompt)))
        while self._waiting:  # more than once only if all of a batch end with their first token
            self._begin()
            while any(self._slots):
                self._step()
        self._head = None

    def _begin(self) -> None:
        n = min(self._batch_size, len(self._waiting))
        first = [self._waiting.popleft() for _ in range(n)]
        heads = [self._computed(sample) for sample in first]
        room = min(max(sample.max_tokens for sample in first), ROOM)
        self._rows = Rows(self._network, heads, room=room)
        self._slots = list(first)
        self._add(range(len(first)), torch.stack([head.logits for head in heads]))

    def _step(self) -> None:
        """One token for each row; then finished rows leave and others come in."""
        logits = self._rows.feed([[it.tokens[-1]] if it else [] for it in self._slots])[:, 0]
        going = [k for k, sample in enumerate(self._slots) if sample]
        self._add(going, logits[going])
        while self._waiting and (free := [k for k, it in enumerate(self._slots) if it is None]):
            self._admit(free[: len(self._waiting)])
        self._compact()

    def _admit(self, free: Sequence[int]) -> None:
        logits = []
        for slot in free:
            sample = self._waiting.popleft()
            head = self._computed(sample)
            self._rows.place(slot, head)
            self._slots[slot] = sample
            logits.append(head.logits)
        self._add(free, torch.stack(logits))

    def _add(self, slots: Sequence[int], logits: Tensor) -> None:
        """Choose the next token of some slots' samples; those that end with it leave."""
        samples = [sample for k in slots if (sample := self._slots[k])]
        tokens = choose(logits, [sample.draw for sample in samples])
        for slot, sample, token in zip(slots, samples, tokens, strict=True):
            sample.add(token, self._talk)
            if sample.is_finished:
                self._slots[slot] = None

    def _compact(self) -> None:
        going = [k for k, sample in enumerate(self._slots) if sample]
        if going and len(going) <= SPARSE * len(self._slots):
            self._rows = self._rows.taken(going)
            self._slots = [self._slots[k] for k in going]

    def _computed(self, sample: Sample) -> Prefilled:
        """The sample's prompt; samples of one request follow each other and share it."""
        if self._head is None or self._head.tokens is not sample.prompt:
            self._head = self._prefixes.prefill(sample.prompt)
        return self._head
