"""What a policy can do on problems kept for evaluation, and how far it is from where it began."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import torch

from iterun.data.cache import digest
from iterun.errors import ConfigError
from iterun.models.policy_losses import Examples, answer_logits, examples

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from torch import Tensor, nn

    from iterun.models.rlhf_answers import Answer, Exact, Judge, Problem
    from iterun.models.rlhf_writing import Writer


@dataclass(kw_only=True)
class Measured:
    """Answers to the evaluation's prompts, one each."""

    greedy: list[Answer]
    sampled: list[Answer]

    def examples(self) -> Examples:
        """The sampled ones."""
        return examples(
            [it.prompt for it in self.sampled], [it.drawn.tokens for it in self.sampled]
        )


@dataclass(kw_only=True)
class Evaluation:
    """Evaluates what the policy wears; the numbers drawn are the same each time, for all arms.

    Where right answers are known, they decide which answer wins; else the judge does.
    """

    writer: Writer
    problems: Sequence[Problem]
    judge: Judge
    checker: Exact | None
    rows: int  #: answers a forward pass
    base: list[float] = field(default_factory=list)  #: what the base's greedy answers earned

    def of_loop(self, reference: Mapping[str, Tensor] | None) -> dict[str, float]:
        """What the policy that is worn can do, and how far it is from others.

        Args:
            reference: values of the policy that it was held to; None: the base's.
        """
        measured, policy = self.answers(), self.writer.policy
        others = {"kl_to_base": policy.as_at_first, "kl_to_ref": policy.as_at_first}
        if reference is not None:
            others["kl_to_ref"] = partial(policy.wearing, reference)
        found = self.accuracies(measured) | {"win_rate_vs_base": self.win_rate(measured)}
        return found | divergences(policy.module, others, measured.examples(), self.rows)

    def of_control(self) -> dict[str, float]:
        """As `of_loop`, of what there is to hold against it."""
        measured, policy = self.answers(), self.writer.policy
        others = {"kl_to_base": policy.as_at_first}
        data = measured.examples()
        return self.accuracies(measured) | divergences(policy.module, others, data, self.rows)

    def answers(self) -> Measured:
        """The likeliest answer to each problem, and one drawn at temperature 1."""
        greedy = self.writer.write(self.problems, n=1, temperature=0.0, key=("evaluation",))
        drawn = self.writer.write(self.problems, n=1, temperature=1.0, key=("evaluation",))
        return Measured(greedy=[it for (it,) in greedy], sampled=[it for (it,) in drawn])

    def accuracies(self, measured: Measured) -> dict[str, float]:
        """Shares of right answers; nothing where they are not known."""
        if self.checker is None:
            return {}
        return {
            "accuracy_greedy": self._share(measured.greedy),
            "accuracy_sampled": self._share(measured.sampled),
        }

    @property
    def decider(self) -> Judge:
        """Of a comparison of two answers to one prompt."""
        return self.checker or self.judge

    def win_rate(self, measured: Measured) -> float:
        """Of greedy answers against the base's, which are the first it is asked about.

        A tie is half a win.
        """
        earned = self.decider.rewards(measured.greedy)
        self.base = self.base or earned
        pairs = zip(earned, self.base, strict=True)
        return sum(0.5 if own == base else float(own > base) for own, base in pairs) / len(earned)

    def state(self) -> dict[str, Any]:
        return {"base": self.base, "problems": self._problems, "decider": self.decider.name}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take what the base earned from a checkpoint.

        Raises:
            ConfigError: a fork evaluates on other problems, or has their answers judged by another.
        """
        if len(state["base"]) not in (0, len(self.problems)):
            raise ConfigError(
                f"task.eval_prompts={len(self.problems)}: the state is of {len(state['base'])} "
                "problems",
                hint=f"task.eval_prompts={len(state['base'])}",
            )
        if state["problems"] != self._problems:
            raise ConfigError(
                "data=: the state was evaluated on other problems",
                hint="leave data= and data@eval_data= as they were, or begin a new run",
            )
        if state["decider"] != self.decider.name:
            raise ConfigError(
                f"{self.decider.name} tells who wins: in the state {state['decider']} did",
                hint="leave task.judge and task.reward_model as they were, or begin a new run",
            )
        self.base = state["base"]

    @cached_property
    def _problems(self) -> str:
        return digest(*(it.prompt for it in self.problems))

    def _share(self, answers: Sequence[Answer]) -> float:
        assert self.checker is not None
        return sum(self.checker.rewards(answers)) / len(answers)


@torch.no_grad()
def divergences(
    module: nn.Module,
    others: Mapping[str, Callable[[], AbstractContextManager[None]]],
    data: Examples,
    rows: int,
) -> dict[str, float]:
    """KL(policy || other) of whole answers, nats: mean over answers that the policy drew.

    Of each token the whole distribution is taken, not what was drawn alone: the same mean with
    less noise, and never negative.

    Args:
        module: wears the policy.
        others: by name: a context in which it is another.
        data: answers drawn at temperature 1.
        rows: answers a forward pass.
    """
    total = dict.fromkeys(others, 0.0)
    device = next(module.parameters()).device
    for index in torch.split(torch.arange(len(data)), rows):
        batch = data.rows(index, device)
        own = _token_distributions(module, batch, nullcontext())
        for name, other in others.items():
            apart = own - _token_distributions(module, batch, other())
            total[name] += float((own.exp() * apart).sum(-1).double().sum())
    return {name: value / len(data) for name, value in total.items()}


def _token_distributions(
    module: nn.Module, batch: Examples, context: AbstractContextManager[None]
) -> Tensor:
    """Log-probabilities of every token at each place of an answer, (places, vocabulary)."""
    with context:
        logits, first = answer_logits(module, batch)
    return logits[batch.is_answer[:, first:]].log_softmax(-1)
