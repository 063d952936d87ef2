"""How far a policy is from another, and how often it wins."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial

import pytest
import tiny_policy
import torch

from iterun.data.prompts import Prompt
from iterun.errors import ConfigError
from iterun.judges.math_answer import AnswerJudge
from iterun.models.policy_losses import examples, sequence_logprobs
from iterun.models.policy_sampling import Ask, Drawn
from iterun.models.rlhf_answers import Answer, Exact
from iterun.models.rlhf_evaluation import Evaluation, Measured, divergences

N = 1500


def test_divergence_is_the_mean_log_ratio_of_what_the_policy_draws():
    """Against 1,500 draws of at most 4 tokens, to five standard errors; 0 from itself."""
    policy = tiny_policy.policy()
    prompt = tiny_policy.encoded("7+5?")[0]
    draw = torch.Generator().manual_seed(3)
    other = {n: v + 0.03 * torch.randn(v.shape, generator=draw) for n, v in policy.first.items()}
    asks = [Ask(prompt=prompt, seed=k, temperature=1.0) for k in range(N)]
    drawn = tiny_policy.sampler(policy.module, max_tokens=4, rows=N).draw(asks)
    data = examples([prompt] * N, [it.tokens for it in drawn])

    others = {"other": partial(policy.wearing, other), "itself": nullcontext}
    found = divergences(policy.module, others, data, rows=1000)

    with torch.no_grad():
        own = sequence_logprobs(policy.module, data)
        with policy.wearing(other):
            ratios = own - sequence_logprobs(policy.module, data)
    assert found["itself"] == 0
    assert found["other"] > 0.1
    assert abs(float(ratios.mean()) - found["other"]) < 5 * float(ratios.std()) / N**0.5


class Graded:
    """A judge that knows what each text earns."""

    name, floor = "task.reward_model=graded", 0.0

    def rewards(self, answers):
        return [float(it.text) for it in answers]


def answers(*texts: str) -> Measured:
    found = [Answer(problem=Prompt("?"), prompt=(1,), drawn=Drawn(), text=it) for it in texts]
    return Measured(greedy=found, sampled=found)


def evaluation(n: int, checker: Exact | None = None) -> Evaluation:
    problems = [Prompt(f"{k}?") for k in range(n)]
    return Evaluation(writer=None, problems=problems, judge=Graded(), checker=checker, rows=8)


def test_a_tie_with_the_base_is_half_a_win():
    """The base earns 1, 2, 3, 4; then 2, 2, 1, 9: won, tied, lost, won."""
    judged = evaluation(4)

    first = judged.win_rate(answers("1", "2", "3", "4"))
    second = judged.win_rate(answers("2", "2", "1", "9"))

    assert (first, second) == (0.5, 0.625)


def test_accuracies_are_left_out_where_no_answer_is_known():
    assert evaluation(2).accuracies(answers("1", "2")) == {}


def test_a_state_of_another_number_of_problems_is_refused():
    before = evaluation(2)
    before.win_rate(answers("1", "0"))

    with pytest.raises(ConfigError, match=r"task\.eval_prompts=3: the state is of 2 problems"):
        evaluation(3).restore(before.state())


def test_a_state_of_other_problems_or_another_judge_is_refused():
    before = evaluation(2)
    before.win_rate(answers("1", "0"))
    others = evaluation(2)
    others.problems = [Prompt("7?"), Prompt("8?")]

    with pytest.raises(ConfigError, match="data=: the state was evaluated on other problems"):
        others.restore(before.state())
    with pytest.raises(ConfigError, match=r"in the state task\.reward_model=graded did"):
        evaluation(2, Exact(AnswerJudge().verdict)).restore(before.state())
    again = evaluation(2)
    again.restore(before.state())
    assert again.win_rate(answers("1", "2")) == 0.75
