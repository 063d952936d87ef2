"""What a round's answers are turned into, and by which loss they are learnt from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from iterun.models import rlhf_answers
from iterun.models.policy_losses import Examples, Imitation, PolicyGradient, Preference
from iterun.models.rlhf_training import of_answers, of_groups, of_pairs, reference_logprobs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    import numpy as np
    from torch import nn

    from iterun.models.policy_losses import Objective
    from iterun.models.rlhf_answers import Answer

Algorithm = Literal["dpo", "grpo", "expert"]
Pairing = Literal["random", "max_min", "max_max", "max_min_p"]
LR = {"dpo": 3e-5, "grpo": 5e-5, "expert": 3e-4}  # where task.lr is null
TITLES = {"dpo": "online DPO", "grpo": "GRPO", "expert": "expert iteration"}
#: why a round trains nothing
NOTHING = {
    "dpo": "no prompt gave a pair",
    "grpo": "all answers to each prompt tie",
    "expert": "no answer earned anything",
}


@dataclass(frozen=True, kw_only=True)
class Learning:
    """How a loop learns; the task's parameters of the same names say what each is."""

    algorithm: Algorithm
    pairing: Pairing
    length_penalty: float
    beta: float
    label_smoothing: float
    sft_coef: float
    clip_ratio: float | None
    kl_coef: float
    temperature: float
    rows: int

    def pairs(
        self, groups: Sequence[Sequence[Answer]], draw: np.random.Generator
    ) -> list[tuple[Answer, Answer]]:
        """Of dpo: a better and a worse answer to each prompt whose answers do not tie."""
        return rlhf_answers.pairs(groups, self.pairing, self.length_penalty, draw)

    def examples(
        self,
        groups: Sequence[Sequence[Answer]],
        pairs: Sequence[tuple[Answer, Answer]],
        floor: float,
    ) -> Examples | None:
        """What is trained on; None: nothing is to be learnt from these answers.

        Args:
            groups: the answers to each prompt, judged.
            pairs: of dpo.
            floor: of expert: an answer whose reward is no higher is not imitated.
        """
        if self.algorithm == "dpo":
            return of_pairs(pairs) if pairs else None
        if self.algorithm == "expert":
            best = rlhf_answers.best(groups, floor)
            return of_answers(best) if best else None
        return None if all(map(rlhf_answers.is_tied, groups)) else of_groups(groups)

    def refer(
        self, data: Examples, module: nn.Module, reference: AbstractContextManager[None]
    ) -> None:
        """Add the reference's log-probabilities where the loss needs them.

        Args:
            data: the round's examples.
            module: computes.
            reference: in here it is the reference.
        """
        if self.algorithm == "dpo" or (self.algorithm == "grpo" and self.kl_coef):
            temperature = None if self.algorithm == "dpo" else self.temperature
            with reference:
                data.more["reference"] = reference_logprobs(
                    module, data, self.rows, temperature=temperature
                )

    def objective(self, data: Examples) -> Objective:
        if self.algorithm == "dpo":
            return Preference(
                data=data,
                rows=self.rows,
                beta=self.beta,
                label_smoothing=self.label_smoothing,
                sft_coef=self.sft_coef,
            )
        if self.algorithm == "expert":
            return Imitation(data=data, rows=self.rows)
        return PolicyGradient(
            data=data,
            rows=self.rows,
            clip_ratio=self.clip_ratio,
            kl_coef=self.kl_coef,
            temperature=self.temperature,
        )
