"""Advantages of sampled answers, and the clipped policy-gradient loss on their tokens.

    A_i = (r_i - mean) / (std + eps)                  over the answers to one prompt
    ratio_t = pi(y_t) / pi_old(y_t)
    loss_t = -min(ratio_t A, clip(ratio_t, 1 - low, 1 + high) A) + beta KL_t
    KL_t = q_t - log q_t - 1,   q_t = pi_ref(y_t) / pi(y_t)

GRPO is arXiv 2402.03300, `dr_grpo` arXiv 2503.20783, leave-one-out arXiv 2402.14740. Answers to one
prompt stand side by side: `group` of them, then those to the next prompt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch

if TYPE_CHECKING:
    from torch import Tensor

Scale = Literal["none", "group", "batch"]
LossType = Literal["grpo", "bnpo", "dr_grpo"]


def grpo_advantages(r: Tensor, group: int, scale: Scale = "group", eps: float = 1e-4) -> Tensor:
    """Rewards less their group's mean, in units of a standard deviation; (n,).

    Args:
        r: rewards; (n,), the answers to one prompt together.
        group: answers to a prompt; divides n.
        scale: whose standard deviation (of a sample: n - 1 in the denominator) divides: the
            `group`'s, the whole `batch`'s, or `none`.
        eps: added to the standard deviation.

    Raises:
        ValueError: groups that do not fill the batch.
    """
    grouped = _grouped(r, group)
    centered = grouped - grouped.mean(1, keepdim=True)
    if scale == "none":
        return centered.flatten()
    spread = grouped if scale == "group" else grouped.flatten()[None]
    # The spread of one reward is not known; torch would make it NaN.
    std = spread.std(1, keepdim=True) if spread.shape[1] > 1 else torch.zeros_like(spread[:, :1])
    return (centered / (std + eps)).flatten()


def rloo_advantages(r: Tensor, group: int) -> Tensor:
    """Each reward less the mean of the others of its group; (n,).

    Args:
        r: rewards; (n,), the answers to one prompt together.
        group: answers to a prompt, at least 2; divides n.

    Raises:
        ValueError: groups of one, or groups that do not fill the batch.
    """
    grouped = _grouped(r, group)
    if group < 2:
        raise ValueError("leave-one-out needs at least two answers to a prompt")
    others = (grouped.sum(1, keepdim=True) - grouped) / (group - 1)
    return (grouped - others).flatten()


def grpo_loss(
    lp: Tensor,
    old: Tensor,
    mask: Tensor,
    adv: Tensor,
    ref: Tensor | None = None,
    beta: float = 0.0,
    eps_low: float = 0.2,
    eps_high: float = 0.2,
    loss_type: LossType = "grpo",
    max_len: int | None = None,
    kl_ratio: bool = False,  # noqa: FBT001, FBT002, RUF100  the published order of arguments
) -> Tensor:
    """The clipped loss on tokens: a scalar.

    Args:
        lp: log-probabilities of the answers' tokens under the policy; (n, time), nats.
        old: the same under the policy that sampled them; (n, time).
        mask: which tokens count; (n, time), bool or 0 and 1.
        adv: advantages; (n,).
        ref: as `old`, under the reference; needed where beta is not 0.
        beta: weight of the divergence from the reference.
        eps_low: how far below 1 the ratio may count.
        eps_high: how far above 1.
        loss_type: `grpo`: mean over each answer's tokens, then over answers; `bnpo`: over all
            tokens of the batch; `dr_grpo`: sum over n x `max_len`.
        max_len: tokens that an answer may have, for `dr_grpo`.
        kl_ratio: multiply the divergence by the ratio, which makes its gradient right off-policy.

    Raises:
        ValueError: `ref` or `max_len` missing.
    """
    ratio = (lp - old).exp()
    a = adv[:, None]
    clipped = ratio.clamp(1 - eps_low, 1 + eps_high)
    loss = -torch.min(ratio * a, clipped * a)
    if beta:
        if ref is None:
            raise ValueError(f"beta={beta} needs the reference's log-probabilities")
        divergence = token_kl(lp, ref)
        loss = loss + beta * (divergence * ratio if kl_ratio else divergence)
    return _reduced(loss, mask.to(loss.dtype), loss_type, max_len)


def token_kl(lp: Tensor, ref: Tensor) -> Tensor:
    """An unbiased, never negative estimate of the policy's divergence from the reference, by token.

    Args:
        lp: log-probabilities of sampled tokens under the policy; any shape, nats.
        ref: the same under the reference.
    """
    return (ref - lp).exp() - (ref - lp) - 1


def _grouped(r: Tensor, group: int) -> Tensor:
    if group < 1 or r.ndim != 1 or len(r) == 0 or len(r) % group:
        raise ValueError(f"{tuple(r.shape)} rewards are not groups of {group}")
    return r.reshape(-1, group)


def _reduced(loss: Tensor, mask: Tensor, loss_type: LossType, max_len: int | None) -> Tensor:
    total = (loss * mask).sum(1)
    if loss_type == "grpo":
        # An answer without a token counts as 0, as one among the others.
        return (total / mask.sum(1).clamp(min=1)).mean()
    if loss_type == "bnpo":
        return total.sum() / mask.sum().clamp(min=1)
    if max_len is None:
        raise ValueError("dr_grpo needs max_len, the tokens that an answer may have")
    return total.sum() / (len(loss) * max_len)
