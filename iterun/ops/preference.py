"""Losses on answers of which one is preferred to the other, and the choice of such pairs.

    z   = beta ((log p(c) - log r(c)) - (log p(w) - log r(w)))        policy p, reference r
    DPO = -(1 - e) log sigmoid(z) - e log sigmoid(-z)                 (arXiv 2305.18290, eq. 7)

c is the chosen answer, w the rejected one, e the label smoothing: the probability that a pair is
the wrong way round.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch.nn.functional as F

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

PairMode = Literal["max_min", "max_max", "max_min_p"]


def dpo_loss(
    pc: Tensor,
    pr: Tensor,
    rc: Tensor,
    rr: Tensor,
    beta: float = 0.1,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Direct preference loss, averaged over the batch: a scalar.

    Args:
        pc: log-probabilities of the chosen answers under the policy, summed over tokens;
            (n,), nats.
        pr: of the rejected answers under the policy; (n,).
        rc: of the chosen answers under the reference; (n,).
        rr: of the rejected answers under the reference; (n,).
        beta: inverse temperature, > 0.
        label_smoothing: in [0, 0.5]; at 0.5 only pairs that are told apart at all cost anything.
    """
    z = beta * ((pc - rc) - (pr - rr))
    loss = -(1 - label_smoothing) * F.logsigmoid(z) - label_smoothing * F.logsigmoid(-z)
    return loss.mean()


def bradley_terry_loss(
    chosen: Tensor,
    rejected: Tensor,
    margin: Tensor | float | None = None,
    center: float | None = None,
) -> Tensor:
    """Minus the mean log-likelihood of the preferences (arXiv 2203.02155, eq. 1): a scalar.

    Args:
        chosen: scores of the preferred answers; (n,).
        rejected: scores of the others; (n,).
        margin: by how much the preferred one should be ahead; (n,) or one number
            (arXiv 2307.09288, eq. 2).
        center: weight of the mean square of the pairs' sums, which holds scores around 0
            (arXiv 2312.09244).
    """
    ahead = chosen - rejected if margin is None else chosen - rejected - margin
    loss = -F.logsigmoid(ahead).mean()
    return loss if center is None else loss + center * (chosen + rejected).square().mean()


def listwise_rm_loss(scores: Tensor, correct: Tensor) -> Tensor:
    """Mean over all pairs of a right and a wrong answer to one prompt (arXiv 2409.12122): a scalar.

    Args:
        scores: of the answers to one prompt; (k,).
        correct: which of them are right; bool, (k,).

    Raises:
        ValueError: all are right, or all are wrong.
    """
    correct = correct.bool()
    if correct.all() or not correct.any():
        raise ValueError("no pair: the answers are all right or all wrong")
    ahead = scores[correct][:, None] - scores[~correct][None, :]  # (right, wrong)
    return -F.logsigmoid(ahead).mean()


def select_pair(
    rewards: Sequence[float],
    lengths: Sequence[int] | None = None,
    mode: PairMode = "max_min",
    length_penalty: float = 0.0,
) -> tuple[int, int] | None:
    """The answers of one prompt that make a pair: (better, worse), or None where they tie.

    Of equal rewards the first answer counts.

    Args:
        rewards: of the k answers, k >= 2.
        lengths: of the answers, in whatever unit the penalty is per; for `max_min_p`.
        mode: `max_min`: the best against the worst; `max_max`: against the second best;
            `max_min_p`: best and worst after `length_penalty` x length is taken off.
        length_penalty: of `max_min_p`.

    Raises:
        ValueError: fewer than two answers; lengths missing, or a penalty that nothing would apply.
    """
    values = _penalized(rewards, lengths, mode, length_penalty)
    order = sorted(range(len(values)), key=lambda k: -values[k])  # stable: the first of equals
    best = order[0]
    other = order[1] if mode == "max_max" else min(order, key=lambda k: values[k])
    return None if values[best] == values[other] else (best, other)


def _penalized(
    rewards: Sequence[float], lengths: Sequence[int] | None, mode: PairMode, penalty: float
) -> list[float]:
    if len(rewards) < 2:
        raise ValueError(f"a pair needs two answers, not {len(rewards)}")
    if mode != "max_min_p":
        if penalty:
            raise ValueError(f"length_penalty={penalty} belongs to max_min_p, not to {mode}")
        return [float(reward) for reward in rewards]
    if lengths is None or len(lengths) != len(rewards):
        raise ValueError("max_min_p needs a length of each answer")
    return [float(r) - penalty * n for r, n in zip(rewards, lengths, strict=True)]
