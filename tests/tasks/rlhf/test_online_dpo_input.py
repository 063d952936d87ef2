"""rlhf/online_dpo: bad input is refused in one sentence, before anything heavy."""

from __future__ import annotations

import pytest
from online_dpo_runs import run

from iterun.errors import ConfigError


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        ("task.prompts=0", "task.prompts=0 is not at least 1", "as in task.prompts=1"),
        ("task.samples=1", "task.samples=1 is not at least 2", "as in task.samples=2"),
        ("task.beta=0", "task.beta=0.0 is not above 0", "as in task.beta=0.1"),
        ("task.temperature=-1", "task.temperature=-1.0 is not above 0", "as in task.temperature=1"),
        ("task.label_smoothing=0.5", "task.label_smoothing=0.5 is not from 0", "0.1"),
        ("task.explore=previous task.explore_share=0.9", "task.explore_share=0.9 of", "0.5"),
        ("task.explore=0", "task.explore=0.0 is not above 0", "as in task.explore=1.3"),
        ("task.explore=later", "task.explore=later is not one of previous", "task.explore"),
        ("task.length_penalty=0.1", "task.length_penalty=0.1 counts for", "task.pairing=max_min_p"),
        ("task.lora_targets=[]", "task.lora_targets=[] is not names", "q_proj"),
        ("task.reward_model=x/y", "task.reward_model=x/y counts for", "task.judge=rm"),
        ("task.engine=vllm", "task.engine=vllm needs the package vllm", "pip install vllm"),
        ("task.rows=1", "task.rows=1 is not at least 2", "as in task.rows=2"),
        ("task.lr=0", "task.lr=0.0 is not above 0", "task.lr=3e-05"),
    ],
)
def test_faults_of_parameters(words, said, hint, tmp_path):
    with pytest.raises(ConfigError) as error:
        run(tmp_path / "run", *words.split())

    assert said in error.value.message
    assert hint in error.value.hint
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("data=pydoc", "data=pydoc has no pool of fresh prompts"),
        ("task.judge=chat", "this system asks for model@judge=..."),
        ("task.template=chat", "task.template=chat: the tokenizer of this model has no chat"),
        ("task.max_tokens=125", "a prompt of"),
        ("task.lora_rank=2 task.lora_targets=[nowhere]", "has no layer named nowhere"),
        ("task.judge=rm task.reward_model=./nowhere", "task.reward_model=./nowhere"),
    ],
)
def test_faults_that_the_model_or_the_data_shows(words, said, tmp_path):
    with pytest.raises(ConfigError) as error:
        run(tmp_path / "run", *words.split())

    assert said in error.value.message
    assert error.value.hint


def test_a_reward_model_without_pairs_ends_the_run_with_a_hint(tmp_path):
    view = run(tmp_path / "run", "task.judge=rm", "task.rm_prompts=1")

    assert view.status.state == "failed"
    assert "task.rm_prompts: " in view.status.error
    assert view.iterations() == []


def test_data_without_answers_needs_a_judge_of_its_own(tmp_path, monkeypatch):
    found = [{"context_messages": f"question {k}"} for k in range(9)]
    monkeypatch.setattr("iterun.data.prompts.rows", lambda *args, **settings: found)

    with pytest.raises(ConfigError, match=r"task\.judge=checker: data=ultrafeedback has no right"):
        run(tmp_path / "run", "data=ultrafeedback", "data.held_out=2")
