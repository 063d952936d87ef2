"""rlhf/online_dpo: bad input is refused in one sentence, before anything heavy."""

from __future__ import annotations

import pytest
from online_dpo_runs import run

from iterun.errors import ConfigError
from iterun.launch.fork import prepare


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
        ("data@eval_data=pydoc", "data@eval_data=pydoc has no prompts"),
        ("data@eval_data=digits", "data@eval_data=digits has no prompts"),
        ("data@eval_data=planted-graphs", "data@eval_data=planted-graphs has no prompts"),
        ("data@eval_data=code-problems", "data@eval_data=code-problems has no right answers"),
        ("task.judge=chat", "this system asks for model@judge=..."),
        ("task.template=chat", "task.template=chat: the tokenizer of this model has no chat"),
        ("task.max_tokens=125", "a prompt of"),
        (
            "model=opt-mini task.shots=8 task.max_tokens=3",
            "task.shots=8: a prompt of the replay and its completion have",
        ),
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


LINE = ["data=ultrafeedback", "data.ids=[a/b]", "data.held_out=8", "task.max_tokens=20"]


@pytest.fixture
def questions(monkeypatch):
    """Makes data=ultrafeedback 60 short questions, 44 of them in the pool, and one long one."""

    def of(long):
        found = [{"context_messages": "1+1?" * (30 if k == long else 1)} for k in range(60)]
        monkeypatch.setattr("iterun.data.prompts.rows", lambda *args, **settings: found)

    return of


@pytest.fixture
def judge(tmp_path):
    """A chat model that grades everything alike."""
    path = tmp_path / "replies.jsonl"
    path.write_text('{"match": "", "reply": "3", "times": null}\n')
    return ["task.judge=chat", "model@judge=scripted", f"judge.path={path}"]


def test_a_long_prompt_of_a_later_round_is_refused_before_any_work(questions, judge, tmp_path):
    questions(long=30)  # of the third round

    with pytest.raises(ConfigError, match=r"task\.max_tokens=20: a prompt of 121 tokens") as error:
        run(tmp_path / "run", *LINE, *judge)

    assert error.value.hint == "at most task.max_tokens=7"
    assert not (tmp_path / "run").exists()
    view = run(tmp_path / "few", *LINE, *judge, "task.rounds=2")
    assert len(view.iterations()) == 3


def test_a_fork_that_comes_to_a_long_prompt_is_refused(questions, judge, tmp_path):
    """The parent reads prompts 0 to 39; the fork would alone read 0 to 32, and goes on to 41."""
    questions(long=40)
    view = run(tmp_path / "run", *LINE, *judge, "task.prompts=20", "task.rounds=2")
    words = ["task.prompts=11", "task.rounds=3"]
    ready = prepare(view.directory, words, outputs=tmp_path, iteration=1, argv=[])

    with pytest.raises(ConfigError, match="a prompt of 121 tokens"):
        ready.begin(lambda mode: lambda event: None)


def test_evaluated_data_need_answers_where_the_others_have_them(questions, tmp_path):
    questions(long=None)
    line = ["data@eval_data=ultrafeedback", "eval_data.ids=[a/b]", "eval_data.held_out=8"]

    with pytest.raises(ConfigError, match="data@eval_data=ultrafeedback has no right answers"):
        run(tmp_path / "run", *line)


def test_prompts_alone_give_no_worked_examples(questions, judge, tmp_path):
    questions(long=None)

    with pytest.raises(ConfigError, match=r"task\.shots=2: data=ultrafeedback has no worked") as no:
        run(tmp_path / "run", *LINE, *judge, "task.shots=2")

    assert no.value.hint == "task.shots=0"


def test_data_without_answers_needs_a_judge_of_its_own(tmp_path, monkeypatch):
    found = [{"context_messages": f"question {k}"} for k in range(9)]
    monkeypatch.setattr("iterun.data.prompts.rows", lambda *args, **settings: found)

    with pytest.raises(ConfigError, match=r"task\.judge=checker: data=ultrafeedback has no right"):
        run(tmp_path / "run", "data=ultrafeedback", "data.held_out=2")
