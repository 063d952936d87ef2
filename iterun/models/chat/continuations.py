"""Log-probabilities of given continuations: for scores, and for replies made of choices."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from iterun.models.chat.rows import Rows


def shared_length(texts: Sequence[Sequence[int]]) -> int:
    """Tokens that all begin with, at most all but one of the shortest."""
    alike = takewhile(lambda column: len(set(column)) == 1, zip(*texts, strict=False))
    return min(sum(1 for _ in alike), min(map(len, texts)) - 1)


def continuation_logprobs(
    rows: Rows, logits: Tensor, continuations: Sequence[Sequence[Sequence[int]]], batch_size: int
) -> list[Tensor]:
    """Sums of log-probabilities of each row's continuations; the rows stay as they are.

    Args:
        rows: what they continue.
        logits: after each row, (rows, vocabulary).
        continuations: of each row, one token or more each; a row may have none.
        batch_size: continuations computed at once, where the first token does not tell all.

    Returns:
        Of each row: float32, (continuations,), nats, on the CPU.
    """
    first = torch.log_softmax(logits.float(), dim=-1)
    found = [
        first[row, [tokens[0] for tokens in several]].cpu() if several else torch.empty(0)
        for row, several in enumerate(continuations)
    ]
    # Continuations that differ in their last token alone are read off the same logits.
    alike: dict[tuple[int, tuple[int, ...]], list[tuple[int, Sequence[int]]]] = {}
    for row, several in enumerate(continuations):
        for k, tokens in enumerate(several):
            if len(tokens) > 1:
                alike.setdefault((row, tuple(tokens[:-1])), []).append((k, tokens))
    groups = list(alike.items())
    for begin in range(0, len(groups), batch_size):
        part = groups[begin : begin + batch_size]
        copies = rows.taken([row for (row, _), _ in part])
        fed = [list(head) for (_, head), _ in part]
        logits = copies.feed(fed, keep=max(map(len, fed)))
        for ((row, _), members), after in zip(part, logits, strict=True):
            for k, tokens in members:
                found[row][k] += _sum_of(after, tokens[1:])
    return found


def _sum_of(logits: Tensor, tokens: Sequence[int]) -> Tensor:
    """What the last positions, (positions, vocabulary), say of the tokens that follow them."""
    logprobs = torch.log_softmax(logits[-len(tokens) :].float(), dim=-1)
    return logprobs[range(len(tokens)), list(tokens)].sum().cpu()
