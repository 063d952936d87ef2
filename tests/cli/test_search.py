"""What a search says at its end: trials, the best or the front, the line that repeats it."""

import json

import pytest

pytest.importorskip("optuna")


@pytest.fixture
def search(own, iterun):
    """Types a search of the noisy system of a user's own."""

    def typed(*words):
        return iterun(
            "-m", *own[:2], "task=mine/noisy", "hydra/sweeper=optuna", "task.x=interval(0,1)",
            "task.y=0.01", "hydra.sweeper.sampler.seed=1", "hydra.sweeper.n_trials=4", *words,
        )  # fmt: skip

    return typed


def test_the_best_trials_stand_on_stdout_and_the_line_below_on_stderr(search):
    answer = search()

    assert answer.lines[0].split() == ["trial", "score", "(min)", "x", "runs"]
    assert len(answer.lines) == 1 + 4
    assert "4 trials: 4 complete" in answer.err
    assert "repeat the best: iterun --config-dir" in answer.err


@pytest.mark.slow  # several runs
def test_several_metrics_are_shown_as_a_front(search):
    answer = search("hydra.sweeper.metrics={score:min,spent:max}")

    assert answer.lines[0].split()[:5] == ["trial", "score", "(min)", "spent", "(max)"]
    assert "is beaten in all metrics" in answer.err
    assert f"repeat trial {answer.lines[1].split()[0]}: iterun" in answer.err


def test_why_trials_failed_is_said_once(search):
    answer = search("task.ruin_above=0.4")

    assert answer.err.count("diverged: x is too large") == 1
    assert answer.status == 0


@pytest.mark.slow  # several runs
def test_a_study_that_is_done_shows_what_it_found_and_does_nothing(search):
    first = search("hydra.sweeper.study_name=mine", "hydra.sweeper.n_trials=2")
    again = search("hydra.sweeper.study_name=mine", "hydra.sweeper.n_trials=2")

    assert again.out == first.out
    assert "the study mine goes on: 2 of 2 trials are done" in again.err
    assert "next:" not in again.err


@pytest.mark.slow  # several runs
def test_machines_hear_of_the_study(search, iterun):
    answer = search("--json")

    [ended] = [e for e in map(json.loads, answer.lines) if e["event"] == "study_ended"]
    assert ended["metrics"] == {"score": "min"}
    assert len(ended["trials"]) == 4
    assert "task.x=" in ended["best"][0]["repeat"]
