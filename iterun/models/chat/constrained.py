"""Replies made of choices: at each slot the model weighs the strings that may stand there.

A slot's strings are scored by the sum of their tokens' log-probabilities after the text so far,
and one is drawn with softmax(scores / temperature). Text and string are tokenized together, as the
model saw text in training: after "0:" comes the token " red", not " " and "red"; what all strings
of a slot share is not scored. Fixed pieces are fed together with the choice before them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from iterun.models.chat.continuations import continuation_logprobs, shared_length
from iterun.models.chat.rows import Rows
from iterun.models.chat.sampling import pick

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from iterun.models.chat.conversation import Conversation
    from iterun.models.chat.network import Network
    from iterun.models.chat.prefixes import Prefixes
    from iterun.models.chat.sampling import Draw


@dataclass(kw_only=True)
class Form:
    """One reply being filled in."""

    prompt_text: str  #: with the reply's prefix
    prompt: list[int]  #: its tokens
    pieces: Sequence[Sequence[str]]  #: still to come
    draw: Draw
    text: str = ""  #: after the prefix
    options: tuple[str, ...] = ()  #: of the slot that is next; none: the reply is whole

    def advance(self) -> None:
        """Write fixed pieces up to the next slot."""
        self.options = ()
        while self.pieces and not self.options:
            piece, self.pieces = self.pieces[0], self.pieces[1:]
            if len(piece) == 1:
                self.text += piece[0]
            else:
                self.options = tuple(piece)

    def choose(self, option: int) -> None:
        """Write an option of the slot and what follows it."""
        self.text += self.options[option]
        self.advance()


@dataclass
class _Next:
    """What one row needs at its slot."""

    kept: int  #: tokens of the row that stay
    feed: list[int]  #: what all options share beyond them
    rest: list[list[int]]  #: of each option, one token or more


class FormFiller:
    """Fills forms, `batch_size` at a time, those with the longest prompts first.

    Args:
        network: computes.
        prefixes: computes prompts.
        talk: turns text into tokens.
        batch_size: rows.
    """

    def __init__(
        self, network: Network, prefixes: Prefixes, talk: Conversation, batch_size: int
    ) -> None:
        self._network, self._prefixes, self._talk = network, prefixes, talk
        self._batch_size = batch_size

    def fill(self, forms: Sequence[Form]) -> None:
        """Write all replies to their ends."""
        for form in forms:
            form.advance()
        open_forms = sorted((f for f in forms if f.options), key=lambda f: -len(f.prompt))
        for begin in range(0, len(open_forms), self._batch_size):
            self._fill_batch(open_forms[begin : begin + self._batch_size])

    def _fill_batch(self, forms: list[Form]) -> None:
        heads = [self._prefixes.prefill(form.prompt) for form in forms]
        rows, logits = Rows(self._network, heads), torch.stack([head.logits for head in heads])
        written = [form.prompt for form in forms]
        while forms:
            needs = [self._next(*pair) for pair in zip(forms, written, strict=True)]
            logits = _fed(rows, logits, needs)
            scores = continuation_logprobs(
                rows, logits, [need.rest for need in needs], self._batch_size
            )
            for form, score in zip(forms, scores, strict=True):
                form.choose(pick(score, form.draw))
            written = [
                old[: need.kept] + need.feed for old, need in zip(written, needs, strict=True)
            ]
            going = [k for k, form in enumerate(forms) if form.options]
            if going and len(going) < len(forms):
                rows, logits = rows.taken(going), logits[going]
            forms, written = [forms[k] for k in going], [written[k] for k in going]

    def _next(self, form: Form, written: list[int]) -> _Next:
        """How the row gets from the tokens written to those before its options differ."""
        so_far = form.prompt_text + form.text
        texts = self._talk.tokens([so_far + option for option in form.options])
        shared = shared_length(texts)
        kept = shared_length([[*written, -1], [*texts[0][:shared], -2]])
        if kept == shared < len(written):
            kept -= 1  # the logits after it are gone: feed it once more
        return _Next(kept, texts[0][kept:shared], [text[shared:] for text in texts])


def _fed(rows: Rows, logits: Tensor, needs: Sequence[_Next]) -> Tensor:
    """The logits at each row's slot; those before stand where nothing had to be fed."""
    for row, need in enumerate(needs):
        rows.crop(row, need.kept)
    fed = [row for row, need in enumerate(needs) if need.feed]
    if fed:
        new = rows.feed([need.feed for need in needs])[:, 0]
        logits = logits.clone()
        logits[fed] = new[fed]
    return logits
