"""The norms of a run's last training, and the schedule that they make."""

from __future__ import annotations

import numpy as np
import pytest

from iterun.analysis.schedule_of_run import next_line, read, refined
from iterun.errors import ConfigError
from iterun.ops.lr_refinement import refine
from iterun.store.reader import RunView
from iterun.store.schema import RunRecord
from iterun.store.writer import RunWriter

COMMAND = ["iterun", "task=prune/lth", "task.steps=30"]


def made(tmp_path, trainings=(), iterations=(), command=COMMAND):
    """A run of these norms: rows by iteration, and metrics by iteration."""
    record = RunRecord(
        id="c0ffee11", system="prune/lth", family="prune", signature="5e1f", seed=1,
        created="2026-11-24T10:15:00+01:00", command=list(command),
    )  # fmt: skip
    with RunWriter.create(tmp_path / "run", record=record, config={"task": {}}) as writer:
        for i, rows in enumerate(trainings, start=1):
            writer.append_rows("gradient_norms.jsonl", i, rows)
        for i, metrics in enumerate(iterations):
            writer.append(i, seconds=0.5, metrics=metrics)
    return RunView(tmp_path / "run")


def steps(norms, first=0, name="grad_norm"):
    return [{"step": first + t, name: float(norm)} for t, norm in enumerate(norms)]


def test_a_training_may_go_on_over_several_iterations(tmp_path):
    norms = np.linspace(1, 2, 30)

    view = made(tmp_path, [steps(norms[:12]), steps(norms[12:], 12)])

    found = read(view)
    assert found.values == norms.tolist()
    assert (found.metric, found.unit, found.source) == ("grad_norm", "step", "gradient_norms.jsonl")


def test_of_several_trainings_the_last_one_counts(tmp_path):
    view = made(tmp_path, [steps(np.full(20, 5.0)), steps(np.full(10, 3.0))])

    assert read(view).values == [3.0] * 10


def test_trainings_that_began_later_give_way_to_one_from_the_first_step(tmp_path):
    whole, rewound = steps(range(1, 21)), steps(np.full(15, 9.0), first=5)

    both = read(made(tmp_path / "both", [whole, rewound]))
    later = read(made(tmp_path / "later", [rewound, rewound]))

    assert (both.first, both.values) == (0, [float(k) for k in range(1, 21)])
    assert (later.first, later.values) == (5, [9.0] * 15)


def test_a_metric_that_is_not_there_by_step_is_read_by_iteration(tmp_path):
    """The baseline has none: it does not count."""
    rows = [{"loss": 9.0}, *({"loss": 1.0, "norm": 2.0 + k} for k in range(11))]
    view = made(tmp_path, [steps(np.ones(10))], rows)

    found = read(view, "norm")

    assert found.values == [2.0 + k for k in range(11)]
    assert (found.first, found.unit, found.source) == (1, "iteration", "iterations.jsonl")


def test_l1_norms_are_taken_where_there_are_any_and_weigh_once(tmp_path):
    rows = [row | {"grad_norm_l1": 2 + row["step"]} for row in steps(np.ones(12))]
    view = made(tmp_path, [rows])

    found = refined(view, metric=None, tau=0.1, power="auto")

    assert (found.norms.metric, found.power) == ("grad_norm_l1", 1)
    assert (found.found.multipliers == refine(2 + np.arange(12.0), power=1).multipliers).all()
    assert refined(view, metric="grad_norm", tau=0.1, power="auto").power == 2
    assert refined(view, metric=None, tau=0.1, power="2").power == 2


@pytest.mark.parametrize(
    ("rows", "iterations", "asked", "said"),
    [
        ([[]], [], {}, "has no grad_norm, neither by step nor by iteration"),
        ([[]], [{"loss": 1.0}], {"metric": "los"}, "has no los"),
        ([steps(np.ones(9))], [], {}, "has 9 values in gradient_norms.jsonl"),
        ([[]], [{"loss": 1.0}] * 9, {"metric": "loss"}, "has 9 values in iterations.jsonl"),
        ([steps([*np.ones(9), 0.0])], [], {}, "grad_norm of run c0ffee11 is 0 at step 9"),
        ([[]], [{"x": 1.0}] * 9 + [{"x": np.inf}], {"metric": "x"}, "is inf at iteration 9"),
        ([[]], [{"x": 1.0}] * 9 + [{"y": 1.0}], {"metric": "x"}, "no value at iteration 9"),
        ([[*steps(np.ones(9)), *steps(np.ones(9), 10)]], [], {}, "has no value at step 9"),
        ([steps(np.ones(12))], [], {"tau": 0.6}, "--tau 0.6 is outside"),
        ([steps(np.ones(12))], [], {"power": "3"}, "--power 3 is not one of"),
    ],
)
def test_what_makes_no_schedule_is_refused(rows, iterations, asked, said, tmp_path):
    view = made(tmp_path, [part for part in rows if part], iterations)

    with pytest.raises(ConfigError) as refused:
        refined(view, **{"metric": None, "tau": 0.1, "power": "auto"} | asked)

    assert said in refused.value.message
    assert refused.value.hint


def test_a_missing_metric_lists_those_that_the_run_has(tmp_path):
    view = made(tmp_path, iterations=[{"loss": 1.0, "acc": 0.5}])

    with pytest.raises(ConfigError) as refused:
        read(view, "los")

    assert refused.value.hint == "it has loss, acc: --metric NAME"


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (COMMAND, "iterun task=prune/lth task.steps=30 schedule=file schedule.path=s.csv"),
        (
            ["iterun", "--outputs", "o", "task=a/b", "schedule=cosine", "schedule.warmup=0.1"],
            "iterun task=a/b schedule=file schedule.path=s.csv",
        ),
        (
            ["iterun", "-m", "--config-dir", "c", "task=a/b", "hydra.sweep.dir=x", "--quiet"],
            "iterun --config-dir c task=a/b schedule=file schedule.path=s.csv",
        ),
        (
            ["iterun", "fork", "k3fa@7", "task.lr=1"],
            "iterun task=prune/lth schedule=file schedule.path=s.csv",
        ),
        ([], "iterun task=prune/lth schedule=file schedule.path=s.csv"),
        (
            ["iterun", "task=a/b", "task.lrs=[1,2]"],
            "iterun task=a/b 'task.lrs=[1,2]' schedule=file schedule.path=s.csv",
        ),
    ],
    ids=["plain", "schedule", "sweep", "fork", "unknown", "quoted"],
)
def test_the_next_line_is_the_runs_own_with_the_schedule(command, line, tmp_path):
    assert next_line(made(tmp_path, command=command), "s.csv") == line


@pytest.mark.parametrize("path", ["my runs/it's=1.csv", "été.csv", "a&b;c!d^e.csv", "a/b-1+2.csv"])
def test_any_path_is_read_back_by_hydra(path, tmp_path):
    import shlex

    from iterun.config.compose import compose

    line = next_line(made(tmp_path, command=["iterun", "task=prune/lth"]), path)

    config = compose(shlex.split(line)[1:])
    assert config.schedule.path == path
