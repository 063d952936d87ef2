"""Searches through whole lines: what is asked for, done, told and gone on with."""

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("optuna")

from iterun.__main__ import main
from iterun.errors import ConfigError
from iterun.launch.account import SweepError
from iterun.launch.events import SweepRemark
from iterun.launch.search.events import StudyEnded
from iterun.store.reader import RunView

MINE = Path(__file__).parent / "mine"
SEARCH = (
    "-m", "hydra/sweeper=optuna", "hydra.sweeper.sampler.seed=1", "task=mine/noisy",
    "task.x=interval(0,1)", "task.y=tag(log,interval(1e-4,1))",
)  # fmt: skip


@pytest.fixture
def search(line):
    """Runs a search; gives what it found."""

    def searched(*words, n=4, trials=SEARCH):
        line.events.clear()
        assert line(*trials, f"hydra.sweeper.n_trials={n}", *words) == 0
        [ended] = [event for event in line.events if isinstance(event, StudyEnded)]
        return ended.findings

    return searched


def remarks(line):
    return [event.text for event in line.events if isinstance(event, SweepRemark)]


def test_a_search_does_its_trials_as_runs_like_any_other(search, line):
    found = search(n=2)

    views = {(view := RunView(path)).id: view for path in line.runs}
    assert [trial.state for trial in found.trials] == ["complete"] * 2
    for trial in found.trials:
        view = views[trial.runs[0]]
        assert view.config["task"]["x"] == trial.params["task.x"]
        assert view.summary.last["score"] == trial.values[0]
    assert found.best[0].values[0] == min(trial.values[0] for trial in found.trials)


@pytest.mark.slow  # several runs
def test_the_same_seed_finds_the_same(search):
    one, two = search(n=2), search(n=2)

    assert [t.params for t in one.trials] == [t.params for t in two.trials]
    assert [t.values for t in one.trials] == [t.values for t in two.trials]
    assert one.study != two.study


@pytest.mark.slow  # several runs
def test_what_was_found_stands_in_the_sweeps_folder(search, line):
    found = search()

    [path] = line.outputs.glob(".sweeps/*/study.json")
    kept = json.loads(path.read_text())
    assert kept["best"][0]["values"] == list(found.best[0].values)
    assert "task.x=" in kept["best"][0]["repeat"]
    assert len(kept["trials"]) == 4


@pytest.mark.slow  # several runs
def test_the_line_of_the_best_repeats_it(search, line):
    found = search(n=3)

    assert main(shlex.split(found.lines[0])[1:]) == 0

    assert RunView(line.runs[-1]).summary.last["score"] == found.best[0].values[0]


def test_every_trial_runs_with_each_seed_and_counts_by_the_mean(search, line):
    found = search("seed=1,2", "task.noise=0.1", n=1)

    scores = {
        (v := RunView(path)).id: (v.record.seed, v.summary.last["score"]) for path in line.runs
    }
    assert len(scores) == 2
    for trial in found.trials:
        of_trial = [scores[run] for run in trial.runs]
        assert [seed for seed, _ in of_trial] == [1, 2]
        assert trial.values[0] == pytest.approx(sum(score for _, score in of_trial) / 2)


@pytest.mark.slow  # several runs
def test_a_bad_trial_ends_early_and_can_go_on(search, line):
    found = search("hydra/sweeper/pruner=median", "hydra.sweeper.pruner.n_startup_trials=1", n=6)

    early = [view for path in line.runs if (view := RunView(path)).status.reason == "pruned"]
    assert len(early) == found.count("pruned") > 0
    assert all(view.state == "completed" and view.summary.iterations < 6 for view in early)
    assert all(view.checkpoints() for view in early)


@pytest.mark.slow  # several runs
def test_all_seeds_of_a_trial_end_early_together(search, line):
    found = search(
        "hydra/sweeper/pruner=median", "hydra.sweeper.pruner.n_startup_trials=1", "seed=1,2", n=4
    )

    reasons = {(view := RunView(path)).id: view.status.reason for path in line.runs}
    pruned = [trial for trial in found.trials if trial.state == "pruned"]
    assert pruned
    assert all(reasons[run] == "pruned" for trial in pruned for run in trial.runs)


def test_a_trial_that_fails_is_told_and_ends_nothing(search):
    found = search("task.ruin_above=0.4", n=5)

    states = {trial.params["task.x"] > 0.4: trial.state for trial in found.trials}
    assert states == {True: "failed", False: "complete"}
    assert "x is too large" in next(t.why for t in found.trials if t.state == "failed")


@pytest.mark.slow  # several runs
def test_a_search_without_any_good_trial_is_an_error(search, line):
    with pytest.raises(SweepError, match="2 of 2 jobs failed"):
        search("task.ruin_above=0", n=2)


@pytest.mark.slow  # several runs
def test_too_many_failures_end_a_search(search, line):
    found = search("task.ruin_above=0.3", "hydra.sweeper.max_failure_rate=0.1", n=20)

    assert len(found.trials) == 5
    assert any("max_failure_rate" in text for text in remarks(line))


@pytest.mark.slow  # several runs
def test_a_named_study_goes_on_with_the_trials_that_are_missing(search, line):
    first = search("hydra.sweeper.study_name=mine", n=2)
    second = search("hydra.sweeper.study_name=mine", n=5)

    assert [t.params for t in second.trials[:2]] == [t.params for t in first.trials]
    assert len(line.runs) == 5
    assert {RunView(path).record.sweep["job"] for path in line.runs} == set(range(5))
    assert "the study mine goes on: 2 of 5 trials are done" in remarks(line)


@pytest.mark.slow  # 26 runs
def test_a_study_that_went_on_equals_an_unbroken_one(search):
    search("hydra.sweeper.study_name=broken", n=2)
    broken = search("hydra.sweeper.study_name=broken", n=12)
    whole = search("hydra.sweeper.study_name=whole", n=12)

    assert [t.params for t in broken.trials] == [t.params for t in whole.trials]


def test_the_same_line_with_resume_needs_no_name(search, line):
    search(n=1)
    found = search("on_existing=resume", n=2)

    assert len(found.trials) == len(line.runs) == 2


@pytest.mark.slow  # several runs
def test_several_metrics_give_a_front(search):
    found = search("hydra.sweeper.metrics={score:min,spent:min}", n=6)

    points = [trial.values for trial in found.best]
    assert len(points) >= 1
    assert sorted(points) == points
    assert sorted((b for _, b in points), reverse=True) == [b for _, b in points]


@pytest.mark.slow  # several runs
def test_choices_of_groups_and_values_are_searched_too(search):
    found = search("task.shape=bowl,slope", "backend=choice(auto,cpu)", n=4)

    assert {trial.params["backend"] for trial in found.trials} <= {"auto", "cpu"}
    assert {trial.params["task.shape"] for trial in found.trials} <= {"bowl", "slope"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["hydra.sweeper.n_trials=0"], "n_trials=0 is not a whole number"),
        (["hydra.sweeper.sampler=tpe"], "is a group's choice"),
        (["hydra/sweeper/sampler=cmaes", "hydra.sweeper.sampler.population=1"], "no generation"),
        (["hydra/sweeper/sampler=grid"], "a grid has no intervals"),
        (["task.shape=bowl,sloppy"], "sloppy"),
    ],
)
def test_what_cannot_be_searched_is_refused_and_leaves_nothing(line, words, message):
    with pytest.raises(ConfigError, match=message):
        line(*SEARCH, *words)

    assert line.nothing_left


@pytest.mark.slow  # several runs
def test_an_interrupted_search_tells_what_is_done_and_goes_on(search, line, monkeypatch):
    monkeypatch.setenv("NOISY_KILL", "3")
    monkeypatch.setenv("NOISY_SIGNAL", str(int(signal.SIGINT)))
    status = line(*SEARCH, "hydra.sweeper.n_trials=4")
    [early] = [event.findings for event in line.events if isinstance(event, StudyEnded)]

    found = search("on_existing=resume", n=4)

    assert status == 130
    assert [trial.state for trial in early.trials] == ["complete", "complete", "running"]
    assert [trial.state for trial in found.trials] == ["complete"] * 4
    assert [RunView(path).status.attempt for path in line.runs].count(2) == 1


@pytest.mark.slow  # workers that import torch
def test_trials_end_early_in_other_processes_too(search, line):
    pytest.importorskip("joblib")

    found = search(
        "hydra/launcher=joblib", "hydra.sweeper.n_jobs=2", "hydra/sweeper/pruner=median",
        "hydra.sweeper.pruner.n_startup_trials=1", n=6,
    )  # fmt: skip

    early = [path for path in line.runs if RunView(path).status.reason == "pruned"]
    assert found.count("complete") + found.count("pruned") == 6
    assert len(early) == found.count("pruned") > 0


@pytest.mark.slow  # processes that are killed
@pytest.mark.parametrize("how", ["rerun", "resume"])
def test_a_killed_search_goes_on(search, line, how):
    _killed_in_its_third_trial(line.outputs)

    found = search("hydra.sweeper.study_name=mine", f"on_existing={how}", n=4)

    said = next(text for text in remarks(line) if "cut short" in text)
    states = [trial.state for trial in found.trials]
    if how == "resume":
        assert states == ["complete"] * 4
        assert said == "trial 2 was cut short when its process was killed: it goes on"
    else:
        assert states == ["complete", "complete", "lost", "complete", "complete"]
    jobs = [RunView(path).record.sweep["job"] for path in line.runs]
    assert sorted(jobs) == list(range(len(states)))


@pytest.mark.slow
def test_a_killed_and_resumed_search_equals_an_unbroken_one(search, line):
    _killed_in_its_third_trial(line.outputs)

    broken = search("hydra.sweeper.study_name=mine", "on_existing=resume", n=4)
    whole = search(n=4)

    assert [(t.params, t.values) for t in broken.trials] == [
        (t.params, t.values) for t in whole.trials
    ]


def _killed_in_its_third_trial(outputs: Path) -> None:
    words = [*SEARCH, "hydra.sweeper.study_name=mine", "hydra.sweeper.n_trials=4"]
    code = (
        "import sys, runpy, noisy_system\n"
        "sys.argv[0] = 'iterun'; runpy.run_module('iterun', run_name='__main__')"
    )
    environment = os.environ | {"PYTHONPATH": str(MINE), "NOISY_KILL": "3", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, "--outputs", str(outputs), "--config-dir", f"{MINE}/conf",
         *words],
        env=environment, check=False, capture_output=True,
    )  # fmt: skip
    assert done.returncode == -9, done.stderr.decode()
