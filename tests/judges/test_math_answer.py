"""Judges of tiny arithmetic: an answer is right exactly, steps are right as far as they go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterun.data.tiny_math import drawn, problem
from iterun.errors import ConfigError
from iterun.judges.math_answer import AnswerJudge, StepJudge

PROMPT = "7+5-8?"
RIGHT = "7+5=12;12-8=4#4$"
PROBLEMS = st.sampled_from(drawn(200, 11, 0.0))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (RIGHT, "right"),
        (RIGHT + "5+5=10#10$", "right"),  # nothing counts after the end
        ("#4$", "right"),
        ("7+5=13;13-8=4#4$", "right"),  # the answer alone is judged
        ("7*5=35#35!" + RIGHT, "right"),  # the last attempt counts
        (RIGHT.replace("$", "!7+5=12#12$"), "wrong"),
        ("7+5=12;12-8=4#5$", "wrong"),
        ("7+5=12;12-8=4#04$", "wrong"),
        ("7+5=12;12-8=4$", "malformed"),
        ("7+5=12;12-8=4#$", "malformed"),
        ("7+5=12;12-8=4#4;$", "malformed"),
        ("7+5=12;12-8=4#-4$", "malformed"),
        ("7+5=12#12#4$", "malformed"),
        ("#٤$", "malformed"),  # a digit, but none of ours
        ("$", "malformed"),
        ("7+5=12;12-8=4#4", "truncated"),
        ("", "truncated"),
    ],
)
def test_an_answer_is_of_one_kind(text, kind):
    verdict = AnswerJudge().verdict(PROMPT, text)

    assert verdict.kind == kind
    assert verdict.score == AnswerJudge().score(PROMPT, text) == (kind == "right")


@pytest.mark.parametrize(
    ("text", "right", "score"),
    [
        (RIGHT, [True, True], 1),
        ("7+5=12;12-8=4#4", [True, True], 2 / 3),  # no end
        ("7+5=12;12-8=4#5$", [True, True], 2 / 3),
        ("7+5=12;12-8=5#5$", [True, False], 1 / 3),
        ("7+5=12;11-8=3#3$", [True, False], 1 / 3),  # not the value before
        ("7+5=12;12+8=20#20$", [True, False], 1 / 3),  # not the prompt's operation
        ("7+5=13;13-8=5#5$", [False, False], 0),  # what follows a fault is none the better
        ("7+5=12#12$", [True], 1 / 3),
        ("7+5=12;12-8=4;4+1=5#5$", [True, True, False], 2 / 3),
        ("7+5=12;12-", [True, False], 1 / 3),
        ("7+5=12!7+5=12;12-8=4#4$", [True, True], 1),
        ("#4$", [False], 0),
    ],
)
def test_steps_are_right_up_to_the_first_fault(text, right, score):
    assert StepJudge().right(PROMPT, text) == right
    assert StepJudge().score(PROMPT, text) == pytest.approx(score)


@given(PROBLEMS)
def test_the_true_chain_is_right_and_every_part_of_it_scores_less(it):
    for judge in (AnswerJudge(), StepJudge()):
        whole = judge.score(it, it.completion)
        assert whole == judge.score(it.prompt, it.completion) == 1
        scores = [judge.score(it, it.completion[:k]) for k in range(len(it.completion))]
        assert scores == sorted(scores)
        assert max(scores) < 1


@given(PROBLEMS)
def test_steps_are_at_least_as_strict_as_the_answer(it):
    mistaken = problem(it.prompt, mistaken=True).completion

    if StepJudge().score(it, mistaken) == 1:
        assert AnswerJudge().score(it, mistaken) == 1
        assert mistaken == it.completion


@given(st.text("0123456789+-*=;#$!x", max_size=30))
def test_no_text_breaks_a_judge(text):
    assert AnswerJudge().score(PROMPT, text) in {0, 1}
    assert 0 <= StepJudge().score(PROMPT, text) <= 1


def test_what_is_no_prompt_is_refused():
    for judge in (AnswerJudge(), StepJudge()):
        with pytest.raises(ConfigError, match="is no problem of tiny-math"):
            judge.score("who are you?", RIGHT)
