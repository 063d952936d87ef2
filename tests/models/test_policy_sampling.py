"""Answers drawn many at once are those drawn one by one, and come from the model's distribution."""

from __future__ import annotations

import pytest
import tiny_policy
import torch
from hypothesis import given
from hypothesis import strategies as st

from iterun.errors import DivergedError
from iterun.models.policy_losses import examples, token_logprobs
from iterun.models.policy_sampling import Ask, choose

PROMPTS = ["7+5-8?", "1+1?", "9*2*3-9?", "4?"]


def asks(n: int, temperature: float = 1.0) -> list[Ask]:
    prompts = tiny_policy.encoded(*PROMPTS)
    return [
        Ask(prompt=prompts[k % len(prompts)], seed=100 + k, temperature=temperature)
        for k in range(n)
    ]


@pytest.fixture(scope="module")
def module():
    return tiny_policy.model().module


def test_the_likeliest_answers_are_those_of_transformers(module):
    encode = tiny_policy.tokenizer()
    batch = encode(PROMPTS, return_tensors="pt", padding=True)

    drawn = tiny_policy.sampler(module).draw(asks(4, temperature=0.0))

    whole = module.generate(**batch, max_new_tokens=12, do_sample=False)
    for row, answer in zip(whole[:, batch["input_ids"].shape[1] :].tolist(), drawn, strict=True):
        assert row[: len(answer.tokens)] == answer.tokens
    assert {len(set(answer.logprobs)) for answer in drawn} == {1}  # all 0


@pytest.mark.parametrize("rows", [1, 3, 64])
def test_an_answer_does_not_depend_on_those_beside_it(module, rows):
    wanted = asks(24)

    together = tiny_policy.sampler(module).draw(wanted)
    others = tiny_policy.sampler(module, rows=rows).draw(wanted[::-1])[::-1]

    assert [it.tokens for it in others] == [it.tokens for it in together]
    assert len({tuple(it.tokens) for it in together}) > 12


def test_log_probabilities_are_those_of_a_whole_pass(module):
    wanted = asks(16, temperature=0.7)

    drawn = tiny_policy.sampler(module).draw(wanted)

    data = examples([it.prompt for it in wanted], [it.tokens for it in drawn])
    found = token_logprobs(module, data, 0.7)[data.is_answer[:, 1:]]
    told = torch.tensor([value for it in drawn for value in it.logprobs])
    assert found.allclose(told, atol=1e-4)


def test_an_answer_ends_with_the_end_or_at_the_longest_length(module):
    end = tiny_policy.tokenizer().eos_token_id

    drawn = tiny_policy.sampler(module, max_tokens=5).draw(asks(200, temperature=3.0))

    assert {it.has_ended for it in drawn} == {True, False}
    for it in drawn:
        assert it.has_ended == (it.tokens[-1] == end)
        assert end not in it.tokens[:-1]
        assert len(it.tokens) == len(it.logprobs) == 5 or it.has_ended


def test_first_tokens_come_as_often_as_the_model_says(module):
    """Of 4,000 draws no token is more than five standard deviations off."""
    n, prompt = 4000, tiny_policy.encoded("7+5?")[0]

    drawn = tiny_policy.sampler(module, max_tokens=1, rows=4000).draw(
        [Ask(prompt=prompt, seed=k, temperature=1.0) for k in range(n)]
    )

    with torch.no_grad():
        p = module(torch.tensor([prompt])).logits[0, -1].softmax(-1)
    counts = torch.bincount(torch.tensor([it.tokens[0] for it in drawn]), minlength=len(p))
    assert ((counts / n - p).abs() <= 5 * (p * (1 - p) / n).sqrt() + 1e-9).all()
    assert int((p > 0.02).sum()) > 3


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=9), st.floats(0, 1, exclude_max=True))
def test_what_is_chosen_has_the_share_of_probability_around_the_number_drawn(values, uniform):
    logits = torch.tensor([values])

    token, logprob = choose(
        logits, torch.tensor([[1.0]]), torch.tensor([[uniform]], dtype=torch.float64)
    )

    p = logits.softmax(-1)[0].double().cumsum(0)
    before = p[int(token) - 1] if int(token) else torch.zeros(())
    assert float(before) - 1e-5 <= uniform <= float(p[int(token)]) + 1e-5
    assert logprob.exp() > 0


def test_logits_that_are_no_numbers_end_the_run():
    with pytest.raises(DivergedError, match="not numbers"):
        choose(
            torch.full((1, 3), float("nan")),
            torch.ones(1, 1),
            torch.zeros(1, 1, dtype=torch.float64),
        )
