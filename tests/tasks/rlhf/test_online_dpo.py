"""rlhf/online_dpo: what a round does and leaves, the same bits however a run was interrupted."""

from __future__ import annotations

import json
import math

import pytest
from online_dpo_runs import rows, run
from PIL import Image
from task_runs import EVERY_CHECKPOINT, Leaving, artifacts, go_on_from, story, taken_up

from iterun.config.compose import compose, to_plain
from iterun.data.tiny_math import tiny_math
from iterun.errors import ConfigError
from iterun.judges.math_answer import AnswerJudge
from iterun.launch.fork import prepare
from iterun.models import reward
from iterun.models.lm import load_folder
from iterun.models.rlhf_report import pairs_suffix
from iterun.store.reader import RunView
from iterun.types import Placement

pytestmark = pytest.mark.slow  # whole runs, small ones

SEED = 5
RUNS = {
    "dpo": ["task.explore=previous", "task.label_smoothing=0.1"],
    "grpo": ["task.algorithm=grpo", "task.kl_coef=0.05", "task.clip_ratio=0.2"],
    "expert": ["task.algorithm=expert", "task.explore=1.3"],
    "lora": ["task.lora_rank=2", "task.lr=1e-4", "task.reference=initial"],
    "rm": [
        "task.judge=rm",
        "task.rm_prompts=60",
        "task.rm_steps=6",
        "task.pairing=max_min_p",
        "task.length_penalty=0.01",
        "task.sft_coef=0.1",
    ],
}
DATA = tiny_math(n_train=300, n_dev=20, n_test=40, n_pool=300)  # as the runs have it


def sorted_out(names):
    """Parameters: one fast, those that few lines tell from it only in the long tests."""
    marks = {"dpo": (), "expert": (pytest.mark.slow, pytest.mark.long)}
    return [pytest.param(n, marks=marks.get(n, pytest.mark.slow)) for n in names]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A whole run with all its checkpoints, made once."""
    made, folder = {}, tmp_path_factory.mktemp("whole")

    def of(name) -> RunView:
        if name not in made:
            line = [f"seed={SEED}", *RUNS[name], *EVERY_CHECKPOINT]
            made[name] = run(folder / name, *line)
        return made[name]

    return of


def quiet(mode):
    return lambda event: None


# What a round does.


def test_every_round_takes_fresh_prompts_of_the_pool_in_order(whole):
    asked = [row["prompt"] for i in (1, 2, 3) for row in rows(whole("dpo"), f"samples-{i}.jsonl")]

    assert asked == [it.prompt for it in DATA.pool[:36] for _ in range(4)]


def test_answers_are_judged_exactly_and_the_metrics_say_so(whole):
    judge, first = AnswerJudge(), story(whole("dpo"))[1][1]
    found = rows(whole("dpo"), "samples-1.jsonl")

    assert [row["reward"] for row in found] == [judge.score(r["prompt"], r["text"]) for r in found]
    assert first["reward_mean"] == pytest.approx(sum(row["reward"] for row in found) / 48)
    assert first["tokens"] == sum(len(row["text"]) for row in found)  # a token a character
    groups = [{row["reward"] for row in found[k : k + 4]} for k in range(0, 48, 4)]
    assert first["pairs"] == first["examples"] == sum(len(it) == 2 for it in groups) > 0


def test_pairs_are_a_right_and_a_wrong_answer_to_one_prompt(whole):
    parquet = pytest.importorskip("pyarrow.parquet")
    samples = rows(whole("dpo"), "samples-1.jsonl")
    rewards = {(row["prompt"], row["text"]): row["reward"] for row in samples}

    pairs = parquet.read_table(whole("dpo").directory / "artifacts/pairs-1.parquet").to_pylist()

    assert len(pairs) == story(whole("dpo"))[1][1]["pairs"]
    for pair in pairs:
        assert rewards[pair["prompt"], pair["chosen"]] == pair["reward_chosen"] == 1
        assert rewards[pair["prompt"], pair["rejected"]] == pair["reward_rejected"] == 0


def test_pairs_are_lines_where_the_package_for_tables_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr("iterun.models.rlhf_report.find_spec", lambda name: None)

    view = run(tmp_path / "run", "task.rounds=1")

    assert {row["reward_chosen"] for row in rows(view, "pairs-1.jsonl")} == {1.0}
    assert not (view.directory / "artifacts/pairs-1.parquet").exists()


def test_every_round_begins_at_ln_2_where_the_reference_is_the_policy_before_it(whole):
    firsts = [metrics["loss_first"] for _, metrics, _ in story(whole("dpo"))[1:]]

    assert firsts == pytest.approx([math.log(2)] * 3, abs=1e-6)


@pytest.mark.slow
def test_a_reference_that_stays_is_left_behind(whole):
    first, second, _ = (metrics["loss_first"] for _, metrics, _ in story(whole("lora"))[1:])

    assert first == pytest.approx(math.log(2), abs=1e-6)
    assert second != pytest.approx(math.log(2), abs=1e-4)
    assert all(m["kl_to_ref"] == m["kl_to_base"] for _, m, _ in story(whole("lora")))


def test_at_first_all_arms_are_the_base(whole):
    base = story(whole("dpo"))[0][1]

    assert base["kl_to_base"] == base["kl_to_ref"] == base["kl_to_base_replay"] == 0
    assert base["win_rate_vs_base"] == 0.5
    assert base["accuracy_greedy"] == base["accuracy_greedy_replay"]
    assert not {"loss", "pairs", "reward_mean"} & set(base)


def test_the_control_takes_as_many_steps_and_moves_too(whole):
    *_, (_, last, _) = story(whole("dpo"))
    line = whole("dpo").iterations()[-1]

    assert last["loss_replay"] > 0
    assert last["kl_to_base_replay"] > 0
    assert {"seconds_generate", "seconds_train", "seconds_train_replay"} == set(line.cost)
    assert "win_rate_vs_base_replay" not in last


def test_what_is_left_is_a_policy_a_curve_and_the_answers(whole):
    folder = whole("dpo").directory / "artifacts"
    names = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}

    rounds = {
        f"{n}-{i}.{s}"
        for i in (1, 2, 3)
        for n, s in (("samples", "jsonl"), ("pairs", pairs_suffix()))
    }
    assert {*rounds, "curve.png", "policy/model.safetensors", "policy/tokenizer.json"} <= names
    with Image.open(folder / "curve.png") as picture:
        assert min(picture.size) > 300
    place = Placement(device="cpu", dtype="float32", threads=1)
    assert load_folder(folder / "policy", "again", place).context == 128


def test_the_summary_holds_the_loop_against_its_control(whole):
    result, last = whole("dpo").summary.result, story(whole("dpo"))[-1][1]

    assert result["effect"] == last["accuracy_greedy"] - last["accuracy_greedy_replay"]
    assert result["accuracy_greedy_base"] == story(whole("dpo"))[0][1]["accuracy_greedy"]


@pytest.mark.slow
def test_adapters_are_all_that_is_left_of_a_run_that_trained_them(whole):
    folder = whole("lora").directory / "artifacts"

    assert (folder / "adapter/adapter_model.safetensors").is_file()
    assert json.loads((folder / "adapter/adapter_config.json").read_text())["r"] == 2
    assert not (folder / "policy").exists()


@pytest.mark.slow
def test_a_reward_model_is_trained_first_and_kept(whole):
    base, first = (metrics for _, metrics, _ in story(whole("rm"))[:2])

    assert 0 <= base["rm_accuracy"] <= 1
    assert base["rm_pairs"] > 10
    samples = rows(whole("rm"), "samples-1.jsonl")
    rewards = {(row["prompt"], row["text"]): row["reward"] for row in samples}
    assert all(rewards[row["prompt"], row["text"]] == row["reward"] for row in samples)
    groups = [{row["text"] for row in samples[k : k + 4]} for k in range(0, 48, 4)]
    assert first["pairs"] == sum(len(texts) > 1 for texts in groups)  # unlike scores do not tie
    assert (whole("rm").directory / "artifacts/reward-model/model.safetensors").is_file()


@pytest.mark.slow
def test_a_reward_model_of_an_earlier_run_judges_a_later_one(whole, tmp_path):
    folder = whole("rm").directory / "artifacts/reward-model"

    view = run(tmp_path / "run", "task.judge=rm", f"task.reward_model={folder}", "task.rounds=1")

    assert "rm_accuracy" not in story(view)[0][1]
    assert story(view)[1][1]["pairs"] > 3


def test_a_chat_model_may_judge(tmp_path):
    """Answers to prompts with a * are graded 2, others 9; a reply without a grade counts as 0."""
    replies = [
        {"match": r"Question: [^?]*\*", "reply": "2", "times": None},
        {"match": r"Question: [^?]*-", "reply": "I cannot say", "times": None},
        {"match": "Question", "reply": "9", "times": None},
    ]
    path = tmp_path / "replies.jsonl"
    path.write_text("".join(json.dumps(it) + "\n" for it in replies))
    judge = ["task.judge=chat", "model@judge=scripted", f"judge.path={path}"]

    view = run(tmp_path / "run", *judge, "task.rounds=1")

    samples, metrics = rows(view, "samples-1.jsonl"), story(view)[1][1]
    for row in samples:
        wanted = 0.2 if "*" in row["prompt"] else 0.0 if "-" in row["prompt"] else 0.9
        assert row["reward"] == wanted
    assert metrics["pairs"] == 0
    unread = {
        (r["prompt"], r["text"]) for r in samples if "-" in r["prompt"] and "*" not in r["prompt"]
    }
    assert metrics["parse_fail"] == len(unread) > 0
    assert len(rows(view, "transcript.jsonl")) == len({(r["prompt"], r["text"]) for r in samples})


def test_prompts_without_answers_are_judged_alone(tmp_path, monkeypatch):
    """Answers with a 7 are graded 8, others 3."""
    found = [{"context_messages": it.prompt} for it in DATA.pool[:60]]
    monkeypatch.setattr("iterun.data.prompts.rows", lambda *args, **settings: found)
    path = tmp_path / "replies.jsonl"
    replies = [{"match": "Answer: [^ ]*7", "reply": "8"}, {"match": "Answer", "reply": "3"}]
    path.write_text("".join(json.dumps(it | {"times": None}) + "\n" for it in replies))
    line = ["data=ultrafeedback", "data.ids=[a/b]", "data.held_out=8", "task.judge=chat"]

    view = run(tmp_path / "run", *line, "model@judge=scripted", f"judge.path={path}")

    base, first, *_ = (metrics for _, metrics, _ in story(view))
    assert base["win_rate_vs_base"] == 0.5
    assert not [name for name in first if "accuracy" in name or "replay" in name]
    assert "malformed_rate" not in first
    assert {row["reward"] for row in rows(view, "samples-1.jsonl")} == {0.3, 0.8}
    assert first["pairs"] == first["examples"] > 0
    assert first["errors"] == 0
    assert (view.directory / "artifacts/curve.png").is_file()


def test_pairs_counts_pairs_where_two_right_answers_leave_none(tmp_path):
    """pairing=max_max takes the best two: a pair only where exactly one of the answers is right."""
    view = run(tmp_path / "run", "task.pairing=max_max", "task.rounds=1")

    rewards = [row["reward"] for row in rows(view, "samples-1.jsonl")]
    groups = [rewards[k : k + 4] for k in range(0, 48, 4)]
    metrics = story(view)[1][1]
    assert metrics["pairs"] == metrics["examples"] == sum(sum(group) == 1 for group in groups)
    assert metrics["pairs"] < sum(0 < sum(group) < 4 for group in groups)


# Nothing to learn from; running away.


def test_three_rounds_of_ties_train_nothing_and_end_the_run(tmp_path):
    told = []

    view = run(tmp_path / "run", "task.temperature=1e-6", "task.rounds=5", listener=told.append)

    assert view.summary.reason == "stalled"
    assert [m["pairs"] for _, m, _ in story(view)[1:]] == [0, 0, 0]
    assert [m["examples"] for _, m, _ in story(view)[1:]] == [0, 0, 0]
    assert {m["kl_to_base"] for _, m, _ in story(view)} == {0}
    assert {m["kl_to_base_replay"] for _, m, _ in story(view)} == {0}
    assert "loss" not in story(view)[-1][1]
    remarks = [str(it) for it in told if "no prompt gave a pair" in str(it)]
    assert len(remarks) == 3


def test_a_policy_that_runs_away_is_warned_of(tmp_path):
    told = []

    run(tmp_path / "run", "task.lr=0.05", "task.rounds=1", listener=told.append)

    assert any("nats from the base" in str(it) for it in told)


# Interrupted, resumed, forked.


@pytest.mark.parametrize("name", sorted_out(RUNS))
def test_resumed_equals_uninterrupted(name, whole, tmp_path):
    view = whole(name)

    again = go_on_from(view, 1, tmp_path / "run")

    assert story(again) == story(view)
    assert artifacts(again) == artifacts(view)
    assert again.summary.result == view.summary.result


LATER = [("dpo", 2), ("dpo", 5), ("dpo", 8), ("expert", 7), ("lora", 3), ("grpo", 4)]
INSIDE = [
    ("dpo", 3),
    pytest.param("rm", 3, marks=pytest.mark.slow),
    *(pytest.param(*it, marks=[pytest.mark.slow, pytest.mark.long]) for it in LATER),
]


@pytest.mark.parametrize(("name", "n"), INSIDE)
def test_interrupted_inside_a_rounds_training_it_goes_on_from_there(name, n, whole, tmp_path):
    """Checkpoints: the base, twice inside each arm's eight steps, the end of the round, ..."""
    line = [f"seed={SEED}", *RUNS[name], "checkpoint.share=null"]
    view = run(tmp_path / "parts", *line, listener=Leaving(n))
    assert view.status.state == "interrupted"
    assert len(view.iterations()) < 4

    parts = taken_up(tmp_path / "parts")
    assert story(parts) == story(whole(name))
    assert artifacts(parts) == artifacts(whole(name))


def test_a_fork_after_two_rounds_ends_as_its_parent_or_parts_from_it(whole, tmp_path):
    view, ends = whole("dpo"), []

    for words in ([], ["task.beta=0.3"]):
        ready = prepare(view.directory, words, outputs=tmp_path, iteration=2, argv=[])
        ends.append(story(RunView(ready.begin(quiet).directory)))

    assert ends[0] == story(view)
    assert ends[1][:3] == story(view)[:3]
    assert ends[1][3][1]["reward_mean"] == story(view)[3][1]["reward_mean"]
    assert ends[1][3][1]["loss"] != story(view)[3][1]["loss"]


def test_a_fork_of_other_adapters_or_problems_is_refused(whole, tmp_path):
    for words, said in (
        (["task.lora_rank=2"], r"task\.lora_rank=2: the state is of a run that trained other"),
        (["task.eval_prompts=7"], r"task\.eval_prompts=7: the state is of 20 problems"),
    ):
        ready = prepare(whole("dpo").directory, words, outputs=tmp_path, iteration=2, argv=[])

        with pytest.raises(ConfigError, match=said):
            ready.begin(quiet)


def test_a_fork_of_a_run_without_a_reward_model_names_a_ready_one(whole, tmp_path):
    words = ["task.judge=rm"]
    ready = prepare(whole("dpo").directory, words, outputs=tmp_path, iteration=2, argv=[])

    with pytest.raises(ConfigError, match=r"task\.judge=rm: the state has no reward") as error:
        ready.begin(quiet)

    assert "task.reward_model=" in error.value.hint


@pytest.mark.slow
def test_a_fork_may_name_another_reward_model(whole, tmp_path):
    """The scores of the second half of rm's fork are those of the model that is named."""
    other = run(tmp_path / "other", "seed=9", *RUNS["rm"], "task.rounds=1")
    folder = other.directory / "artifacts/reward-model"
    words = [f"task.reward_model={folder}"]
    ready = prepare(whole("rm").directory, words, outputs=tmp_path, iteration=2, argv=[])

    fork = RunView(ready.begin(quiet).directory)

    found = rows(fork, "samples-3.jsonl")
    place = Placement(device="cpu", dtype="float32", threads=1)
    model = reward.load(str(folder), place, setting="task.reward_model")
    scores = model.score([row["prompt"] for row in found], [row["text"] for row in found])
    assert [row["reward"] for row in found] == pytest.approx(scores, abs=1e-4)


def test_a_fork_of_fewer_steps_than_its_schedule_has_left_is_refused(whole, tmp_path):
    words = ["schedule=cosine", "task.steps=4"]
    ready = prepare(whole("dpo").directory, words, outputs=tmp_path, iteration=2, argv=[])

    with pytest.raises(ConfigError, match=r"task\.steps=4: the state took 16 steps in") as error:
        ready.begin(quiet)

    assert error.value.hint == "at least task.steps=8, or schedule=null"
    words = ["schedule=cosine", "task.steps=9"]
    ready = prepare(whole("dpo").directory, words, outputs=tmp_path, iteration=2, argv=[])
    assert len(RunView(ready.begin(quiet).directory).iterations()) == 4


def test_the_papers_set_up_takes_best_against_worst_and_a_ready_reward_model():
    task = to_plain(compose(["experiment=rlhf/online_dpo-paper"]))["task"]

    assert (task["pairing"], task["judge"], task["explore"]) == ("max_min", "rm", "previous")
    assert task["reward_model"].endswith("RM-v0.1")
