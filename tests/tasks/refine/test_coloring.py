"""refine/coloring: what counts is recounted, arms keep their promises, resumed = uninterrupted."""

from __future__ import annotations

import csv
import os
import signal

import networkx as nx
import pytest
from coloring_runs import graph_file, instances, metrics, recounted, run, scripted, transcript
from PIL import Image
from task_runs import EVERY_CHECKPOINT, artifacts, go_on_from, story, taken_up

from iterun.cli.transcript import open_failures
from iterun.errors import ConfigError
from iterun.launch.fork import prepare
from iterun.models.chat.local import LocalChat
from iterun.ops.attempts import mean_pass_at_k
from iterun.store.reader import RunView

ARMS = ("direct", "self", "external_passfail", "external_first", "external_all", "best_of_k")
VERIFIED = ARMS[2:]
TRIANGLE = "p edge 3 3\ne 1 2\ne 2 3\ne 1 3\n"
GOLD, WRONG = "0: red\n1: green\n2: blue", "0: red\n1: red\n2: blue"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of all arms with all its checkpoints."""
    folder = tmp_path_factory.mktemp("whole")
    return run(folder / "run", *EVERY_CHECKPOINT, "data.n_instances=12", "task.rounds=5")


@pytest.mark.parametrize("arm", ARMS)
def test_what_is_solved_is_what_a_recount_of_the_transcript_finds(arm, whole):
    for i, found in enumerate(metrics(whole)):
        assert found[f"solved_{arm}"] == recounted(whole, arm, i)
        assert found[f"solved_frac_{arm}"] == pytest.approx(found[f"solved_{arm}"] / 12)


@pytest.mark.parametrize("arm", VERIFIED)
def test_a_verified_arm_never_falls_and_cannot_lose_to_the_direct_answers(arm, whole):
    solved = [found[f"solved_{arm}"] for found in metrics(whole)]

    assert solved == sorted(solved)
    assert solved[0] == metrics(whole)[0]["solved_direct"]


def test_best_of_k_is_the_unbiased_estimate_at_every_k_of_the_answers_so_far(whole):
    right = {}
    for row in transcript(whole):
        if row["agent"] in ("direct", "best_of_k"):
            right.setdefault(row["instance"], []).append(row["replies"][0]["verdict"]["ok"])

    for i, found in enumerate(metrics(whole)):
        attempts = [one[: i + 1] for one in right.values()]
        assert found["solved_frac_best_of_k"] == pytest.approx(mean_pass_at_k(attempts, i + 1))
    curve = whole.summary.result["pass_at_k"]
    assert curve == sorted(curve)
    assert len(curve) == 6
    assert curve[-1] == pytest.approx(metrics(whole)[-1]["solved_frac_best_of_k"])


def test_chance_is_that_of_as_many_guesses(whole):
    found = metrics(whole)

    p = found[0]["chance_direct"]
    assert 0 < p < 1
    for i, one in enumerate(found):
        assert one["chance_direct"] == one["chance_self"] == p
        assert one["chance_best_of_k"] == one["chance_external_first"]
        assert p <= one["chance_best_of_k"] <= 1 - (1 - p) ** (i + 1) + 1e-12  # by concavity


def test_intervals_and_paired_differences_are_told(whole):
    result, last = whole.summary.result, metrics(whole)[-1]

    assert set(result["solved_ci"]) == set(ARMS)
    held = result["differences"]["external_first - best_of_k"]
    wanted = last["solved_frac_external_first"] - last["solved_frac_best_of_k"]
    assert held["difference"] == pytest.approx(wanted)
    assert held["low"] <= held["difference"] <= held["high"]
    assert "external_first - external_passfail" in result["differences"]


def test_a_program_is_called_one_everywhere(whole):
    assert whole.summary.result["simulated"] == ["answers", "critiques"]
    assert {row["kind"] for row in transcript(whole)} == {"program"}


def test_all_arms_share_the_first_answers_and_one_call_a_graph(whole):
    first = [row for row in transcript(whole) if row["i"] == 0]

    assert sum(row["agent"] == "direct" for row in first) == 12
    assert {row["agent"] for row in first} == {"direct", "probe"}
    assert len({metrics(whole)[0][f"solved_{arm}"] for arm in ARMS}) == 1


def test_every_file_is_there(whole):
    folder = whole.directory / "artifacts"
    with (folder / "verify_confusion.csv").open() as file:
        rows = list(csv.DictReader(file))

    assert [row["answer"] for row in rows] == ["right", "one_edge", "random", "one_color"]
    assert all(sum(int(n) for name, n in row.items() if name != "answer") == 12 for row in rows)
    assert len(instances(whole)) == 12
    for name in ("curves.png", "graph.png"):
        with Image.open(folder / name) as picture:
            assert picture.width > 400


@pytest.mark.parametrize("after", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_resumed_equals_uninterrupted(after, whole, tmp_path):
    again = go_on_from(whole, after, tmp_path / "again")

    assert story(again) == story(whole)
    assert again.summary.result == whole.summary.result
    timed = "transcript.jsonl"  # its rows have seconds
    kept, found = ({n: b for n, b in artifacts(v).items() if n != timed} for v in (whole, again))
    assert found == kept
    assert [_untimed(row) for row in transcript(again)] == [_untimed(r) for r in transcript(whole)]


def _untimed(row):
    return {name: value for name, value in row.items() if name != "seconds"}


def test_an_external_critic_is_done_when_the_right_answer_comes(tmp_path):
    replies = [{"reply": text} for text in (WRONG, WRONG, WRONG, GOLD)]
    view = run(
        tmp_path / "run", *scripted(tmp_path, replies), *graph_file(tmp_path, TRIANGLE),
        "task.critic=external", "task.rounds=9", "task.verify_probe=false",
    )  # fmt: skip

    assert [found["solved"] for found in metrics(view)] == [0, 0, 0, 1]
    assert sum(found["calls"] for found in metrics(view)) == 4
    assert view.summary.reason == "nothing open"
    said = [row["messages"][-1]["content"] for row in transcript(view)]
    assert all("vertices 0 and 1 are connected and both red" in text for text in said[1:])


def test_a_critic_that_always_says_wrong_gives_up_the_right_answer(tmp_path):
    rows = [
        {"agent": "direct", "reply": GOLD},
        {"agent": "critic", "reply": "Verdict: wrong\nEdge: 0-1", "times": None},
        {"agent": "self", "reply": WRONG, "times": None},
    ]
    view = run(
        tmp_path / "run", *scripted(tmp_path, rows), *graph_file(tmp_path, TRIANGLE),
        "task.critic=self", "task.rounds=2", "task.verify_probe=false",
    )  # fmt: skip

    first, second, last = metrics(view)
    assert (first["solved"], second["solved"], last["solved"]) == (1, 0, 0)
    assert last["self_false_reject"] == 1
    assert last["self_given_up"] == 1
    assert last["self_stopped"] == 0
    assert last["solved_direct"] == 1


def test_a_critic_that_always_says_right_stops_at_once_and_accepts_what_is_wrong(tmp_path):
    rows = [
        {"agent": "direct", "reply": WRONG},
        {"agent": "critic", "reply": "Verdict: right\nEdge: none"},
    ]
    view = run(
        tmp_path / "run", *scripted(tmp_path, rows), *graph_file(tmp_path, TRIANGLE),
        "task.critic=self", "task.rounds=5", "task.verify_probe=false",
    )  # fmt: skip

    assert len(metrics(view)) == 2
    assert metrics(view)[-1]["self_false_accept"] == 1


def test_a_reply_that_is_no_coloring_hears_so_and_the_last_one_stands(tmp_path):
    replies = [{"reply": text} for text in (WRONG, "0: red\n0: green\n2: blue", GOLD)]
    view = run(
        tmp_path / "run", *scripted(tmp_path, replies), *graph_file(tmp_path, TRIANGLE),
        "task.critic=external", "task.rounds=2", "task.verify_probe=false", "task.history=full",
    )  # fmt: skip

    first, second, last = metrics(view)
    assert (second["parse_fail"], second["violations_mean_external_first"]) == (1, 1)
    assert first["violations_mean_external_first"] == 1
    assert last["solved"] == 1
    said = [message["content"] for message in transcript(view)[-1]["messages"]]
    assert "vertex 0 has two lines; vertex 1 has no line" in said[-1]
    assert said[1] == WRONG


def test_replies_that_cannot_be_read_are_counted_in_the_main_arm_alone(tmp_path):
    rows = [
        {"agent": "external_all", "reply": "I can't.", "times": None},
        {"reply": WRONG, "times": None},
    ]
    view = run(
        tmp_path / "run", *scripted(tmp_path, rows), *graph_file(tmp_path, TRIANGLE),
        "task.rounds=1", "task.verify_probe=false",
    )  # fmt: skip
    own = run(
        tmp_path / "own", *scripted(tmp_path, rows), *graph_file(tmp_path, TRIANGLE),
        "task.rounds=1", "task.verify_probe=false", "task.feedback=all",
    )  # fmt: skip

    assert metrics(view)[-1]["parse_fail"] == 0
    assert metrics(own)[-1]["parse_fail"] == 1


def test_a_critic_that_says_nothing_does_not_hold_the_answers_up(tmp_path):
    rows = [
        {"agent": "critic", "reply": "", "times": None},
        {"agent": "self", "reply": GOLD},
        {"agent": "direct", "reply": WRONG},
    ]
    view = run(
        tmp_path / "run", *scripted(tmp_path, rows), *graph_file(tmp_path, TRIANGLE),
        "task.critic=self", "task.rounds=1", "task.verify_probe=false",
    )  # fmt: skip

    assert [found["solved"] for found in metrics(view)] == [0, 1]


def test_what_stays_unsolved_is_what_the_metrics_count(whole):
    """Of every arm: those that accepted a first answer are not asked again, and are listed too."""
    found = open_failures(transcript(whole))

    for arm in ARMS:
        assert sum(row["arm"] == arm for row in found) == 12 - metrics(whole)[-1][f"solved_{arm}"]


@pytest.mark.parametrize(
    "feedback", ["random", *(pytest.param(f, marks=pytest.mark.slow) for f in ("passfail", "all"))]
)
def test_one_critic_by_itself(feedback, tmp_path):
    view = run(
        tmp_path / "run", "task.critic=external", f"task.feedback={feedback}", "task.rounds=2",
        "data.n_instances=3",
    )  # fmt: skip

    last = metrics(view)[-1]
    assert (
        last["solved"]
        == last[f"solved_external_{feedback}"]
        == recounted(view, f"external_{feedback}", 2)
    )
    assert "solved_best_of_k" not in last


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize(("name", "fewest"), [("myciel3", 4), ("petersen", 3), ("odd", 3)])
def test_too_few_colors_are_never_enough(name, fewest, tmp_path):
    graph = {
        "myciel3": nx.mycielski_graph(4),
        "petersen": nx.petersen_graph(),
        "odd": nx.cycle_graph(5),
    }[name]
    lines = [f"p edge {len(graph)} {graph.size()}", *(f"e {u + 1} {v + 1}" for u, v in graph.edges)]
    data = graph_file(tmp_path, "\n".join(lines))

    few = run(tmp_path / "few", *data, f"data.colors={fewest - 1}", "task.rounds=30")
    enough = run(tmp_path / "enough", *data, "task.rounds=60", "task.feedback=all")

    assert all(found[f"solved_{arm}"] == 0 for found in metrics(few) for arm in ARMS)
    assert metrics(few)[-1]["chance_best_of_k"] == 0
    assert instances(enough)["graph"][2] == fewest
    assert metrics(enough)[-1]["solved_external_all"] == 1


@pytest.mark.long
@pytest.mark.slow
def test_the_seed_draws_the_graphs_of_a_run(tmp_path):
    found = [
        instances(run(tmp_path / f"{k}", f"seed={seed}", "task.rounds=1", "data.n_instances=3"))
        for k, seed in enumerate((0, 0, 1))
    ]

    assert found[0] == found[1] != found[2]


@pytest.mark.long
@pytest.mark.slow
def test_a_fork_goes_on_as_its_parent_or_with_another_history(whole, tmp_path):
    ends = []
    for words in ([], ["task.history=full"]):
        ready = prepare(whole.directory, words, outputs=tmp_path, iteration=2, argv=[])
        ends.append(story(RunView(ready.begin(lambda mode: lambda event: None).directory)))

    assert ends[0] == story(whole)
    assert ends[1][:3] == story(whole)[:3]


def test_a_fork_of_other_arms_is_refused(whole, tmp_path):
    ready = prepare(whole.directory, ["task.critic=self"], outputs=tmp_path, iteration=2, argv=[])

    with pytest.raises(ConfigError, match=r"task\.critic=self .*the state is of the arms direct"):
        ready.begin(lambda mode: lambda event: None)


@pytest.mark.parametrize(
    "word", ["data.vertices=[9,11]", "data.edge_p=0.9", "data.colors=4", "data.n_instances=3"]
)
def test_a_fork_with_other_graphs_is_refused(word, whole, tmp_path):
    ready = prepare(whole.directory, [word], outputs=tmp_path, iteration=2, argv=[])

    with pytest.raises(ConfigError, match="data=planted-graphs: the state is of 12 other graphs"):
        ready.begin(lambda mode: lambda event: None)


@pytest.mark.long
@pytest.mark.slow
def test_a_graph_too_large_to_count_has_no_chance_but_a_remark(tmp_path):
    graph = nx.mycielski_graph(6)
    lines = [f"p edge {len(graph)} {graph.size()}", *(f"e {u + 1} {v + 1}" for u, v in graph.edges)]

    view = run(
        tmp_path / "run", *graph_file(tmp_path, "\n".join(lines)), "data.colors=6", "task.rounds=1"
    )

    assert not [name for name in metrics(view)[-1] if name.startswith("chance_")]
    assert "no chance_<arm>" in (view.directory / "log.txt").read_text()


@pytest.mark.long
@pytest.mark.slow
def test_the_likeliest_answer_is_remarked_on_as_best_of_k(tmp_path):
    view = run(tmp_path / "run", "task.temperature=0", "task.rounds=1", "data.n_instances=2")

    assert "task.temperature=0: best_of_k" in (view.directory / "log.txt").read_text()


REFUSED = {
    ("task.rounds=0",): "task.rounds=0 is too small",
    ("task.max_tokens=0",): "task.max_tokens=0 is too small",
    ("task.temperature=-1",): "task.temperature=-1.0 is not a number from 0",
    ("task.critic=nobody",): "task.critic=nobody",
    ("task.feedback=last",): "task.feedback=last",
    ("task.history=none",): "task.history=none",
    ("model=opt-2.7b-nowhere",): "model",
    ("model=lenet",): "model=lenet",
    ("data=pydoc",): "data=pydoc",
    ("data=dimacs",): "data.path is empty",
    ("data.n_instances=0",): "data.n_instances=0",
    ("data.vertices=[5]",): "data.vertices=[5]",
}


@pytest.mark.parametrize("line", REFUSED, ids=" ".join)
def test_bad_input_is_one_sentence_with_a_hint(line, tmp_path):
    with pytest.raises(ConfigError) as refused:
        run(tmp_path / "run", *line)

    assert REFUSED[line] in refused.value.message
    assert refused.value.hint


def test_a_run_left_while_its_model_writes_resumes_to_the_same_bits(tmp_path, monkeypatch):
    """The signal comes with the first request of round 1, and is heard inside of it."""
    line = ["model=opt-mini", "model.kinds=[lm,chat]", "data.n_instances=2", "task.rounds=1"]
    line += ["data.vertices=[3,3]", "task.verify_probe=false", "task.critic=external"]
    whole = run(tmp_path / "whole", *line)
    generate, calls = LocalChat.generate, []

    def signalled(self, requests):
        calls.append(requests)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return generate(self, requests)

    with monkeypatch.context() as patch:
        patch.setattr(LocalChat, "generate", signalled)
        left = run(tmp_path / "left", *line, "checkpoint.grace=0")

    assert (left.status.state, len(metrics(left))) == ("interrupted", 1)
    assert story(taken_up(left.directory)) == story(whole)
