"""One token of many, or one choice of a few, drawn from log-probabilities.

A draw takes one uniform number from the sample's own generator and finds it in the cumulated
probabilities in the order of the vocabulary: what a sample gets depends on its own row only, and
last bits of other tokens' probabilities move no boundary by more than themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from iterun.errors import DivergedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

LIKELY = 256  # tokens looked at first for a nucleus; sorting all 49,152 takes ten times as long


@dataclass(frozen=True, kw_only=True)
class Draw:
    """How one sample is drawn."""

    temperature: float  #: 0: the likeliest
    top_p: float  #: in (0, 1]: the smallest set of choices with this much probability
    generator: torch.Generator  #: on the CPU, the sample's own


def choose(logits: Tensor, draws: Sequence[Draw]) -> list[int]:
    """The next token of each row.

    Args:
        logits: (rows, vocabulary), on any device.
        draws: of each row.

    Raises:
        DivergedError: logits that are no numbers.
    """
    best, token = logits.max(dim=-1)
    if not bool(torch.isfinite(best).all()):
        raise DivergedError(
            "the chat model's logits are not numbers", hint="another backend.dtype=float32"
        )
    greedy: list[int] = token.tolist()
    return [
        pick(row, draw) if draw.temperature else likeliest
        for row, draw, likeliest in zip(logits, draws, greedy, strict=True)
    ]


def pick(scores: Tensor, draw: Draw) -> int:
    """The number of one choice.

    Args:
        scores: log-probabilities up to a constant, (choices,).
        draw: how.
    """
    if draw.temperature == 0:
        return int(scores.argmax())
    # Shifted first: a tiny temperature must not make infinities.
    scores = scores.float().cpu()
    probabilities = torch.softmax((scores - scores.max()) / draw.temperature, dim=-1)
    kept = None if draw.top_p == 1 else nucleus(probabilities, draw.top_p)
    if kept is not None:
        probabilities = probabilities[kept]
    cumulated = probabilities.cumsum(0, dtype=torch.float64)
    uniform = torch.rand((), generator=draw.generator, dtype=torch.float64)
    at = int(torch.searchsorted(cumulated, uniform * cumulated[-1], right=True))
    at = min(at, len(cumulated) - 1)  # the product may round up to the whole
    return at if kept is None else int(kept[at])


def nucleus(probabilities: Tensor, top_p: float) -> Tensor:
    """The smallest set of choices with probability `top_p` together (arXiv 1904.09751).

    Args:
        probabilities: float32, (choices,), summing to 1.
        top_p: in (0, 1).

    Returns:
        Their numbers in ascending order; at least one.
    """
    values, order = probabilities.topk(min(LIKELY, len(probabilities)))
    cumulated = values.cumsum(0, dtype=torch.float64)
    if cumulated[-1] < top_p:
        values, order = probabilities.sort(descending=True)
        cumulated = values.cumsum(0, dtype=torch.float64)
    enough = int((cumulated - values < top_p).sum())
    return order[:enough].sort().values
