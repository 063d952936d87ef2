"""Tiny arithmetic: splits that share no prompt, chains that are right or wrong by system."""

from __future__ import annotations

import subprocess
import sys

import pytest

from iterun.config.compose import compose, to_plain
from iterun.data.tiny_math import END, drawn, parsed, problem, tiny_math
from iterun.errors import ConfigError
from iterun.judges.math_answer import AnswerJudge, StepJudge
from iterun.types import Dataset


@pytest.fixture(scope="module")
def data():
    return tiny_math()


def splits(data):
    return {name: getattr(data, name) for name in ("test", "train", "dev", "pool")}


def test_it_is_a_data_set_of_the_sizes_said(data):
    assert isinstance(data, Dataset)
    assert {name: len(part) for name, part in splits(data).items()} == {
        "test": 400, "train": 6000, "dev": 400, "pool": 8000,
    }  # fmt: skip


def test_no_prompt_comes_twice(data):
    assert_all_differ(splits(data))


def test_every_value_is_in_the_range_in_the_right_chain_and_the_wrong_one(data):
    for it in (*data.train[:500], *data.pool[:500]):
        start, operations = parsed(it.prompt)
        assert 1 <= start <= 9
        assert 1 <= len(operations) <= 3
        assert all((2 if op == "*" else 1) <= b <= 9 for op, b in operations)
        for mistaken in (False, True):
            chain = problem(it.prompt, mistaken=mistaken).completion.removesuffix(END)
            values = [step.partition("=")[2] for step in chain.partition("#")[0].split(";")]
            assert all(0 <= int(value) <= 99 for value in values)


def test_only_training_errs_and_only_where_there_is_a_times(data):
    judge = AnswerJudge()

    for name in ("test", "dev", "pool"):
        assert all(judge.score(it, it.completion) for it in getattr(data, name))
    wrong = [it for it in data.train if StepJudge().score(it, it.completion) < 1]
    assert all("*" in it.prompt for it in wrong)
    with_times = [it for it in data.train if "*" in it.prompt]
    assert len(wrong) / len(with_times) == pytest.approx(0.6, abs=0.03)


def test_a_misconception_is_consistent_and_its_chain_hangs_together():
    mistaken = problem("2*3-1*4?", mistaken=True)

    assert mistaken.completion == "2*3=5;5-1=4;4*4=8#8$"
    assert mistaken.answer == 20
    assert problem("2*3-1*4?").completion == "2*3=6;6-1=5;5*4=20#20$"


def test_work_goes_from_left_to_right():
    assert problem("2+3*4?").answer == 20


def test_the_problems_are_the_same_everywhere(data):
    """The shipped model was trained on these: another draw would put them into test."""
    assert [it.prompt for it in data.test[:3]] == ["1*5?", "1*3*9?", "1*5+4?"]
    assert data.train[0].completion == "8-3=5;5-4=1;1*4=5#5$"
    assert data.dev[-1].prompt == "9+8+6+7?"
    assert data.pool[-1].prompt == "6*9+9-8?"


def test_another_size_or_share_is_another_data_set(data):
    fingerprints = {
        tiny_math(**changes).fingerprint
        for changes in ({}, {"n_dev": 399}, {"n_test": 399}, {"misconception": 0.5}, {"n_pool": 9})
    }

    assert len(fingerprints) == 5
    assert tiny_math(name="mine").fingerprint == data.fingerprint


@pytest.mark.parametrize("split", ["test", "train", "dev", "pool"])
def test_a_smaller_split_is_the_beginning_of_the_usual_one_and_changes_no_other(split, data):
    few = tiny_math(**{f"n_{split}": 50})

    usual = splits(data)
    assert splits(few) == usual | {split: usual[split][:50]}


@pytest.mark.parametrize("split", ["test", "train", "dev", "pool"])
def test_a_larger_split_goes_on_outside_of_all_usual_ones(split, data):
    more = tiny_math(**{f"n_{split}": 9000})

    usual = splits(data)
    n = len(usual[split])
    found = splits(more)
    assert found == usual | {split: usual[split] + found[split][n:]}
    assert_all_differ(found)


def test_splits_that_are_all_larger_share_no_prompt():
    found = splits(tiny_math(n_test=500, n_train=6500, n_dev=500, n_pool=8500))

    assert_all_differ(found)
    assert any(StepJudge().score(it, it.completion) < 1 for it in found["train"][6000:])


def assert_all_differ(found):
    prompts = [it.prompt for part in found.values() for it in part]
    assert len(set(prompts)) == len(prompts)


def test_prompts_taken_do_not_come_again():
    first = drawn(50, 3, 0.0)

    again = drawn(50, 3, 0.0, {it.prompt for it in first})

    assert not {it.prompt for it in first} & {it.prompt for it in again}


def test_more_than_there_are_is_refused():
    """Of one operation there are fewer than 9 (9 + 9 + 8) problems."""
    short = {it.prompt for it in drawn(2000, 0, 0.0) if len(it.prompt) == 4}

    assert 150 < len(short) < 234
    with pytest.raises(ConfigError, match="has no 5 new problems: 0 were found") as refused:
        drawn(5, 0, 0.0, Everything())
    assert refused.value.hint


class Everything(frozenset):
    """Prompts that are all taken."""

    def __contains__(self, prompt):
        return True


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"n_test": 0}, "data.n_test=0 is too small"),
        ({"misconception": 1.5}, "data.misconception=1.5 is no share"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, said):
    with pytest.raises(ConfigError, match=said) as refused:
        tiny_math(**settings)

    assert refused.value.hint


@pytest.mark.parametrize("prompt", ["", "7?", "7+5-8", "7+?", "7/5?", "7+5?x", "+7?", "7++5?"])
def test_what_is_no_prompt_is_refused(prompt):
    with pytest.raises(ConfigError, match="is no problem of tiny-math"):
        parsed(prompt)


def test_the_choice_is_of_kind_math():
    node = to_plain(compose(["task=sample", "+data@other=tiny-math"]))["other"]

    assert node.pop("_target_") == "iterun.data.tiny_math.tiny_math"
    assert node.pop("kind") == "math"
    assert tiny_math(**node) == tiny_math()


def test_neither_torch_nor_numpy_is_imported():
    code = (
        "import sys; from iterun.data.tiny_math import tiny_math; tiny_math().test; "
        "import iterun.judges.math_answer; print({'torch', 'numpy'} & set(sys.modules))"
    )

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert told.stdout.strip() == "set()"
