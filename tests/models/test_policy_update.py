"""Losses of answers: parts add up, padding does not count, an optimizer goes on where it was."""

from __future__ import annotations

import math
from copy import deepcopy
from functools import partial

import pytest
import tiny_policy
import torch

from iterun.errors import ConfigError
from iterun.models.policy_losses import (
    Imitation,
    PolicyGradient,
    Preference,
    examples,
    sequence_logprobs,
    token_logprobs,
)
from iterun.models.policy_sampling import Ask
from iterun.models.policy_update import Learner, batch_of
from iterun.models.rlhf_training import RoundTraining, reference_logprobs
from iterun.ops.lr_schedule import rising

ALL = torch.arange(4)


@pytest.fixture(scope="module")
def answers():
    """Eight prompts and answers of the random model."""
    prompts = tiny_policy.encoded("7+5-8?", "1+1?", "9*2*3-9?", "4+4?") * 2
    module = tiny_policy.model().module
    asks = [Ask(prompt=p, seed=k, temperature=1.0) for k, p in enumerate(prompts)]
    return prompts, tiny_policy.sampler(module).draw(asks)


@pytest.fixture
def data(answers):
    prompts, drawn = answers
    return examples(prompts, [it.tokens for it in drawn])


@pytest.fixture
def policy():
    return tiny_policy.policy()


def preference(data, policy, **changes):
    reference = reference_logprobs(policy.module, data, rows=3)
    data.more = {"reference": reference}
    usual = {"rows": 64, "beta": 0.1, "label_smoothing": 0.0, "sft_coef": 0.0}
    return Preference(data=data, **usual | changes)


def gradient_objective(data, policy, rows=64, clip_ratio=None):
    old = reference_logprobs(policy.module, data, rows=64, temperature=1.0)
    data.more = {"old": old, "advantages": torch.linspace(-1, 2, len(data))}
    return PolicyGradient(data=data, rows=rows, clip_ratio=clip_ratio, kl_coef=0.0, temperature=1.0)


def total(objective, policy, index=ALL):
    """The loss and the gradient of all parameters."""
    for p in policy.parameters.values():
        p.grad = None
    loss = 0.0
    for part in objective.parts(policy.module, index):
        part.backward()
        loss += float(part.detach())
    return loss, torch.cat([p.grad.flatten() for p in policy.parameters.values()])


def moved(policy, by=0.05):
    draw = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for p in policy.parameters.values():
            p.add_(by * torch.randn(p.shape, generator=draw))


def test_a_policy_that_is_its_reference_loses_ln_2(data, policy):
    loss, _ = total(preference(data, policy, label_smoothing=0.2), policy)

    assert loss == pytest.approx(math.log(2), abs=1e-6)


@pytest.mark.parametrize("kind", ["preference", "gradient", "imitation"])
def test_parts_of_few_rows_add_up_to_the_whole(kind, data, policy):
    def objective(rows):
        if kind == "preference":
            return preference(data, policy, rows=rows, sft_coef=0.3)
        if kind == "gradient":
            return gradient_objective(data, policy, rows=rows, clip_ratio=0.2)
        return Imitation(data=data, rows=rows)

    whole = total(objective(64), policy)
    parts = total(objective(2), policy)

    assert parts[0] == pytest.approx(whole[0], abs=1e-6)
    assert parts[1].allclose(whole[1], atol=1e-6)
    assert whole[1].norm() > 1e-3


def test_preference_is_the_formula_and_its_weighted_likelihood(data, policy):
    objective = preference(data, policy, beta=0.5, sft_coef=0.3)
    moved(policy)

    loss, _ = total(objective, policy)

    with torch.no_grad():
        now = sequence_logprobs(policy.module, data)
    z = 0.5 * ((now - data.more["reference"])[:4] - (now - data.more["reference"])[4:])
    nll = -now[:4].sum() / int(data.is_answer[:4].sum())
    wanted = -torch.nn.functional.logsigmoid(z).mean() + 0.3 * nll
    assert loss == pytest.approx(float(wanted), abs=1e-5)


def test_before_the_first_update_the_policy_gradient_is_minus_the_mean_advantage(data, policy):
    index = torch.arange(8)

    loss, _ = total(gradient_objective(data, policy), policy, index)

    assert loss == pytest.approx(-float(data.more["advantages"].mean()), abs=1e-5)


def test_clipping_stops_the_gradient_of_answers_that_have_become_likely_enough(data, policy):
    """All advantages 1, all ratios e > 1.2: nothing pulls any more."""
    objective = gradient_objective(data, policy, clip_ratio=0.2)
    data.more["old"] = data.more["old"] - data.is_answer[:, 1:].float()
    data.more["advantages"] = torch.ones(len(data))

    loss, gradient = total(objective, policy)

    assert loss == pytest.approx(-1.2, abs=1e-5)
    assert gradient.abs().max() == 0


def test_imitation_is_the_mean_loss_a_token(data, policy):
    loss, _ = total(Imitation(data=data, rows=3), policy, torch.arange(8))

    with torch.no_grad():
        values = token_logprobs(policy.module, data)[data.is_answer[:, 1:]]
    assert loss == pytest.approx(-float(values.mean()), abs=1e-6)


def test_padding_does_not_count(answers, data, policy):
    prompts, drawn = answers
    k = min(range(8), key=lambda k: len(prompts[k]) + len(drawn[k].tokens))

    alone = examples(prompts[k : k + 1], [drawn[k].tokens])

    with torch.no_grad():
        found, single = (sequence_logprobs(policy.module, it) for it in (data, alone))
    assert float(found[k]) == pytest.approx(float(single), abs=1e-4)


def test_batches_come_in_permutations_and_depend_on_their_number_alone():
    def draw(k):
        return torch.Generator().manual_seed(k)

    batches = [batch_of(7, 3, t, draw) for t in range(7)]

    units = torch.cat(batches).tolist()
    assert all(sorted(units[k : k + 7]) == list(range(7)) for k in (0, 7, 14))
    assert torch.equal(batch_of(7, 3, 4, draw), batches[4])
    assert len(batch_of(2, 9, 1, draw)) == 9


def test_an_optimizer_goes_on_where_it_was(data):
    def trained(policy, learner, steps):
        policy.wear(learner.values)
        objective = Imitation(data=data, rows=64)
        return [learner.step(objective.parts(policy.module, ALL)) for _ in range(steps)]

    first, second = tiny_policy.policy(), tiny_policy.policy()
    learner = Learner(first.parameters, lr=1e-3, multiplier=partial(rising, warmup=3))
    whole = trained(first, learner, 2)
    kept = deepcopy(learner.state())

    again = Learner(second.parameters, lr=1e-3, multiplier=partial(rising, warmup=3))
    again.restore(kept)
    rest = trained(second, again, 3)

    assert rest == trained(first, learner, 3)
    assert len(set(whole + rest)) == 5
    assert all(torch.equal(v, again.values[n]) for n, v in learner.values.items())


def test_a_state_of_other_arms_is_refused(policy):
    def training(*arms):
        rate = {"lr": 1e-3, "multiplier": partial(rising, warmup=0)}
        learners = {arm: Learner(policy.parameters, **rate) for arm in arms}
        return RoundTraining(None, policy, learners, n_steps=1, size=1)

    with pytest.raises(ConfigError, match="the state has the arms loop, and these data make loop,"):
        training("loop", "replay").restore(training("loop").state())


def test_a_loss_that_is_no_number_changes_nothing(policy):
    learner = Learner(policy.parameters, lr=1.0, multiplier=partial(rising, warmup=0))
    policy.wear(learner.values)
    before = {name: value.clone() for name, value in learner.values.items()}

    loss = learner.step(
        iter([next(iter(policy.parameters.values())).sum() * torch.tensor(float("nan"))])
    )

    assert math.isnan(loss)
    assert learner.n_steps == 0
    assert all(torch.equal(value, learner.values[name]) for name, value in before.items())
