"""Losses of answers that a policy gave: direct preference, policy gradient, imitation.

Answers stand behind their prompts, padded on the right: with causal attention no padding reaches a
token before it, so that none is masked.
"""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import torch
import torch.nn.functional as F

from iterun.ops.policy import grpo_loss
from iterun.ops.preference import dpo_loss

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor, nn


@dataclass(kw_only=True)
class Examples:
    """What one round trains on; tensors on the CPU."""

    ids: Tensor  #: prompt and answer, int64, (n, length)
    is_answer: Tensor  #: bool, (n, length)
    more: dict[str, Tensor] = field(
        default_factory=dict
    )  #: what an objective needs besides, (n, …)

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, index: Tensor, device: torch.device) -> Examples:
        """Some of them, on a device, without columns that are padding in all."""
        is_answer = self.is_answer[index]
        width = int(is_answer.any(0).nonzero()[-1]) + 1
        return Examples(
            ids=self.ids[index, :width].to(device),
            is_answer=is_answer[:, :width].to(device),
            more={name: _cut(it[index], width).to(device) for name, it in self.more.items()},
        )


def examples(prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> Examples:
    """Prompts with their answers, each at least one token."""
    width = max(len(p) + len(a) for p, a in zip(prompts, answers, strict=True))
    ids = torch.zeros(len(prompts), width, dtype=torch.long)
    is_answer = torch.zeros(len(prompts), width, dtype=torch.bool)
    for row, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
        end = len(prompt) + len(answer)
        ids[row, :end] = torch.tensor([*prompt, *answer])
        is_answer[row, len(prompt) : end] = True
    return Examples(ids=ids, is_answer=is_answer)


def answer_logits(module: nn.Module, batch: Examples) -> tuple[Tensor, int]:
    """What the module says of the tokens from the first that belongs to any answer on.

    Returns:
        Logits, float32, (n, width, vocabulary), and the column of the first of these tokens.
    """
    first = int(batch.is_answer.any(0).nonzero()[0])
    kept = batch.ids.shape[1] - first + 1  # the last one predicts what is not there
    more: dict[str, Any] = {"logits_to_keep": kept} if _keeps_few(module) else {}
    logits: Tensor = module(input_ids=batch.ids, use_cache=False, **more).logits
    return logits[:, -kept:-1].float(), first


def token_logprobs(module: nn.Module, batch: Examples, temperature: float = 1.0) -> Tensor:
    """Of each answer token, nats, float32, (n, length - 1); 0 where there is none."""
    logits, first = answer_logits(module, batch)
    logits = logits / temperature
    targets = batch.ids[:, first:, None]
    found = logits.gather(-1, targets)[..., 0] - logits.logsumexp(-1)
    return F.pad(found * batch.is_answer[:, first:], (first - 1, 0))


def sequence_logprobs(module: nn.Module, batch: Examples) -> Tensor:
    """Of each whole answer, nats, (n,)."""
    return token_logprobs(module, batch).sum(-1)


class Objective(Protocol):
    """The loss of some examples."""

    def parts(self, module: nn.Module, index: Tensor) -> Iterator[Tensor]:
        """Parts of the mean loss of these units, each made when it is asked for; they add up."""

    def __len__(self) -> int:
        """How many units there are to draw batches from."""


@dataclass(kw_only=True)
class Preference:
    """Pairs: the first half of the examples won against the second (arXiv 2305.18290).

    `more["reference"]` is each answer's log-probability under the reference, nats, (n,).
    """

    data: Examples
    rows: int  #: answers a forward pass
    beta: float
    label_smoothing: float
    sft_coef: float  #: weight of the chosen answers' mean loss a token

    def __len__(self) -> int:
        return len(self.data) // 2

    def parts(self, module: nn.Module, index: Tensor) -> Iterator[Tensor]:
        n_tokens = int(self.data.is_answer[index].sum())
        for part in torch.split(index, max(1, self.rows // 2)):
            both = torch.cat([part, part + len(self)])
            batch = self.data.rows(both, _device(module))
            chosen, rejected = sequence_logprobs(module, batch).chunk(2)
            better, worse = batch.more["reference"].chunk(2)
            loss = dpo_loss(chosen, rejected, better, worse, self.beta, self.label_smoothing)
            loss = loss * (len(part) / len(index))
            yield loss - self.sft_coef * chosen.sum() / n_tokens if self.sft_coef else loss


@dataclass(kw_only=True)
class PolicyGradient:
    """Answers with advantages, and what their tokens were drawn with (arXiv 2402.03300).

    `more` has "old", log-probabilities when drawn, (n, length - 1), "advantages", (n,), and, where
    kl_coef is not 0, "reference", like "old".
    """

    data: Examples
    rows: int
    clip_ratio: float | None  #: None: not clipped
    kl_coef: float
    temperature: float

    def __len__(self) -> int:
        return len(self.data)

    def parts(self, module: nn.Module, index: Tensor) -> Iterator[Tensor]:
        clip = math.inf if self.clip_ratio is None else self.clip_ratio
        for part in torch.split(index, self.rows):
            batch = self.data.rows(part, _device(module))
            loss = grpo_loss(
                token_logprobs(module, batch, self.temperature),
                batch.more["old"],
                batch.is_answer[:, 1:].float(),
                batch.more["advantages"],
                ref=batch.more.get("reference"),
                beta=self.kl_coef,
                eps_low=clip,
                eps_high=clip,
            )
            yield loss * (len(part) / len(index))


@dataclass(kw_only=True)
class Imitation:
    """Answers to be learnt by heart: the mean loss a token."""

    data: Examples
    rows: int

    def __len__(self) -> int:
        return len(self.data)

    def parts(self, module: nn.Module, index: Tensor) -> Iterator[Tensor]:
        n_tokens = int(self.data.is_answer[index].sum())
        for part in torch.split(index, self.rows):
            batch = self.data.rows(part, _device(module))
            yield -token_logprobs(module, batch).sum() / n_tokens


def _cut(values: Tensor, width: int) -> Tensor:
    return values[:, : width - 1] if values.ndim == 2 else values


def _keeps_few(module: nn.Module) -> bool:
    """Whether it can leave out logits that nobody needs: with long prompts, most of them."""
    return "logits_to_keep" in inspect.signature(module.forward).parameters


def _device(module: nn.Module) -> torch.device:
    return next(module.parameters()).device
