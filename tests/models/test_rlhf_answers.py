"""Answers by prompt, where some come from elsewhere, and what is made of their rewards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import tiny_policy
import torch
from hypothesis import given
from hypothesis import strategies as st

from iterun.data.prompts import Prompt
from iterun.errors import ConfigError
from iterun.models.policy_sampling import Drawn
from iterun.models.rlhf_answers import Answer, best, described, pairs
from iterun.models.rlhf_policy import Reading
from iterun.models.rlhf_writing import Exploration, Writer
from iterun.ops.rng import Generators

PROBLEMS = [Prompt("7+5?"), Prompt("1+1+1?"), Prompt("9*9?")]


def group(*rewards: float, n_tokens: int = 2, kind: str = "") -> list[Answer]:
    """Answers of 1, 2, ... times so many tokens with these rewards."""
    return [
        Answer(
            problem=PROBLEMS[0],
            prompt=(1,),
            drawn=Drawn(tokens=[3] * n_tokens * (k + 1), has_ended=True),
            text=str(k),
            reward=reward,
            kind=kind,
        )
        for k, reward in enumerate(rewards)
    ]


@dataclass
class Told:
    """Notes what was asked of the engine, and what the policy wore."""

    policy: object
    asked: list

    def draw(self, asks):
        worn = next(iter(self.policy.parameters.values())).data
        self.asked.append((worn, asks))
        return [Drawn(tokens=[5], logprobs=[0.0]) for _ in asks]


@pytest.fixture
def writer():
    policy = tiny_policy.policy()
    reading = Reading(tokenizer=policy.tokenizer, template="plain", examples=(), end="$")
    engine = Told(policy, [])
    return Writer(
        policy=policy, reading=reading, engine=engine, run=Generators(0), max_tokens=4, longest=20
    )


def explored(writer, source, share=0.5, previous=None):
    exploration = Exploration(source=source, share=share)
    return writer.explore(
        PROBLEMS, n=4, temperature=1.0, exploration=exploration, previous=previous, key=(1,)
    )


def test_every_prompt_has_its_answers_and_every_answer_its_seed(writer):
    groups = explored(writer, None)

    assert [[it.problem for it in group] for group in groups] == [[p] * 4 for p in PROBLEMS]
    ((_, asks),) = writer.engine.asked
    assert len({ask.seed for ask in asks}) == 12
    assert [ask.prompt for ask in asks[::4]] == writer.reading.tokens([p.prompt for p in PROBLEMS])


def test_half_of_the_answers_come_from_another_temperature(writer):
    explored(writer, 1.5)

    (_, own), (_, others) = writer.engine.asked
    assert {ask.temperature for ask in own} == {1.0}
    assert {ask.temperature for ask in others} == {1.5}
    assert len(own) == len(others) == 6
    assert not {ask.seed for ask in own} & {ask.seed for ask in others}


def test_a_quarter_of_the_answers_come_from_the_policy_of_a_round_ago(writer):
    before = {name: value + 1 for name, value in writer.policy.first.items()}

    explored(writer, "previous", 0.25, before)

    (own, nine), (other, three) = writer.engine.asked
    assert torch.equal(other, own + 1)
    assert (len(nine), len(three)) == (9, 3)


def test_a_prompt_without_room_for_an_answer_is_refused(writer):
    writer.longest = 4

    with pytest.raises(ConfigError, match="a prompt of 7 tokens"):
        explored(writer, None)


@given(st.lists(st.integers(0, 2), min_size=2, max_size=8), st.integers(0, 99))
def test_a_random_pair_is_of_a_better_and_a_worse_answer_if_there_are(rewards, seed):
    found = pairs([group(*rewards)], "random", 0.0, np.random.default_rng(seed))

    assert bool(found) == (len(set(rewards)) > 1)
    assert all(better.reward > worse.reward for better, worse in found)


def test_every_unlike_pair_is_drawn_at_times():
    draw = np.random.default_rng(0)

    found = pairs([group(0, 1, 1, 0)] * 60, "random", 0.0, draw)

    assert {(a.text, b.text) for a, b in found} == {("1", "0"), ("1", "3"), ("2", "0"), ("2", "3")}


def test_best_and_worst_are_paired_and_length_may_decide():
    """Rewards 1, 3, 3 less 0.3 a token of 2, 4, 6: 0.4, 1.8, 1.2."""
    draw = np.random.default_rng(0)

    plain = pairs([group(1, 3, 3)], "max_min", 0.0, draw)
    short = pairs([group(3, 3, 3)], "max_min_p", 0.3, draw)

    assert [(a.text, b.text) for a, b in plain] == [("1", "0")]
    assert [(a.text, b.text) for a, b in short] == [("0", "2")]


def test_the_best_of_each_prompt_are_imitated_if_they_are_good_at_all():
    found = best([group(0, 1, 1), group(0, 0), group(1, 0)], floor=0.0)

    assert [it.text for it in found] == ["1", "2", "0"]


def test_a_round_is_described_by_its_answers():
    """Rewards 0, 1, 1, 1 have the mean 3/4 and the deviation sqrt(3)/4; lengths 2, 4, 2, 4."""
    groups = [group(0, 1, kind="right"), group(1, 1, kind="malformed")]
    groups[1][1].drawn.has_ended = False

    found = described(groups)

    assert found == pytest.approx(
        {
            "reward_mean": 0.75,
            "reward_std": 3**0.5 / 4,
            "response_length": 3.0,
            "pairs": 1,
            "truncated_rate": 0.25,
            "malformed_rate": 0.5,
        }
    )
    assert "malformed_rate" not in described([group(0, 1)])
