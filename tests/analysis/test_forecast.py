"""Looking ahead in recorded runs: their own settings, the options, where the rule stops them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iterun.analysis import foresight
from iterun.analysis.forecast import Asked, outlook, replay
from iterun.analysis.plotted import plot
from iterun.errors import ConfigError
from iterun.ops.forecast import Rule
from iterun.store.rows import Row, row_of
from iterun.store.schema import RunRecord, Summary
from iterun.store.writer import RunWriter

RECORD = RunRecord(
    id="3f9a", system="learn/curve", family="learn", signature="5e1f", seed=1,
    created="2026-11-24T10:15:00+01:00", objective={"metric": "acc", "goal": "max"},
)  # fmt: skip


def made(
    folder: Path, n: int = 20, *, length: int | None = 40, objective: bool = True, **stop: Any
) -> Row:
    """A run along 0.9 - 0.5 i^-1.2 with a baseline, a loss and its words."""
    record = RECORD if objective else replace(RECORD, objective=None)
    with RunWriter.create(folder / "run", record=record, config={"stop": stop}) as writer:
        writer.append(0, seconds=0.5, metrics={"acc": 0.1})
        for i in range(1, n + 1):
            acc = 0.9 - 0.5 * i**-1.2
            metrics = {"acc": acc, "loss": 1 - acc, "words": 100 * i, "mess": float("nan")}
            writer.append(i, seconds=0.5, metrics=metrics)
        writer.length(length)
        writer.summary(Summary(state="completed", last=metrics, objective=record.objective))
        writer.status("completed", iteration=n)
    return row_of(folder / "run")


def test_a_run_is_looked_at_up_to_its_own_length(tmp_path: Path) -> None:
    look = outlook(made(tmp_path), Asked())

    assert (look.metric, look.goal, look.i, look.horizon) == ("acc", "max", 20, 40)
    assert look.newest is not None
    assert look.newest.value == pytest.approx(0.9 - 0.5 * 40**-1.2, abs=1e-5)
    assert look.best_at == 20


def test_the_runs_own_rule_is_taken_and_options_come_first(tmp_path: Path) -> None:
    row = made(tmp_path, gain=0.02, horizon=60, min=9, confirm=2, target=0.8, top=0.95)

    own, asked = outlook(row, Asked()), outlook(row, Asked(gain=0.01, horizon=30))

    assert own.rule == Rule(gain=0.02, least=9, confirm=2, target=0.8)
    assert (own.horizon, asked.horizon, asked.rule.gain) == (60, 30, 0.01)


def test_only_iterations_up_to_the_one_named_are_seen(tmp_path: Path) -> None:
    look = outlook(made(tmp_path), Asked(), until=8)

    assert (look.i, look.newest and look.newest.i) == (8, 8)


def test_the_baseline_alone_has_nothing_to_forecast(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="of 3f9a after the baseline has a finite 'acc'"):
        outlook(made(tmp_path), Asked(), until=0)


def test_iterations_without_the_size_are_passed_over(tmp_path: Path) -> None:
    row = made(tmp_path)
    with open(row.path / "iterations.jsonl", encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    del lines[5]["metrics"]["words"]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (row.path / "iterations.jsonl").write_text(text, encoding="utf-8")

    look = outlook(row_of(row.path), Asked(x="words"))

    assert look.newest is not None
    assert look.replayed.forecaster.fault is None
    assert 5 not in look.replayed.forecaster.i


def test_another_metric_needs_a_direction(tmp_path: Path) -> None:
    row = made(tmp_path)

    with pytest.raises(ConfigError, match="no direction is known; the objective of 3f9a is acc"):
        outlook(row, Asked(metric="loss"))
    look = outlook(row, Asked(metric="loss", goal="min", x="words"))

    assert look.newest is not None
    assert look.newest.x == pytest.approx(4000)
    assert look.newest.value == pytest.approx(0.1 + 0.5 * 40**-1.2, abs=1e-5)


def test_an_unknown_metric_is_doubted_before_its_direction(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--metric accu: no direction is known") as caught:
        outlook(made(tmp_path), Asked(metric="accu"))
    assert caught.value.hint == "did you mean --metric acc? Else add --goal min or --goal max"
    with pytest.raises(ConfigError, match="3f9a has no objective"):
        outlook(made(tmp_path / "a", objective=False), Asked(metric="acc"))


def test_a_size_from_the_runs_own_rule_is_said_to_be_it(tmp_path: Path) -> None:
    row = made(tmp_path, x="mess")

    with pytest.raises(ConfigError, match=r"finite 'mess' \(its stop\.x\)$"):
        outlook(row, Asked())
    with pytest.raises(ConfigError, match=r"finite 'mess'$"):
        outlook(row, Asked(x="mess"))


def test_what_can_not_be_looked_at_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no objective"):
        outlook(made(tmp_path / "a", objective=False), Asked())
    with pytest.raises(ConfigError, match="no length of its own") as caught:
        outlook(made(tmp_path / "b", length=None), Asked())
    assert "--horizon 40" in caught.value.hint
    with pytest.raises(ConfigError, match="'ac'") as caught:
        outlook(made(tmp_path / "c"), Asked(metric="ac", goal="max"))
    assert "did you mean acc" in caught.value.hint
    with pytest.raises(ConfigError, match="finite 'mess'"):
        outlook(made(tmp_path / "d"), Asked(metric="mess", goal="max"))


@pytest.mark.parametrize(
    "asked",
    [Asked(goal="up"), Asked(horizon=0), Asked(gain=0.0), Asked(gain=float("nan")),
     Asked(top=float("inf"))],
)  # fmt: skip
def test_options_that_can_not_be_are_refused(asked: Asked) -> None:
    with pytest.raises(ConfigError, match="--"):
        asked.check()


def test_too_few_values_have_no_forecast(tmp_path: Path) -> None:
    look = outlook(made(tmp_path, n=2), Asked())

    assert look.newest is None
    assert look.why_none.startswith("a power law takes 3 iterations")


def test_the_metric_is_blamed_where_it_goes_beyond_its_bound(tmp_path: Path) -> None:
    look = outlook(made(tmp_path), Asked(top=0.3))

    assert look.newest is None
    assert look.why_none.startswith(f"{look.metric} goes beyond its bound, 0.3")


def test_a_strangers_settings_are_no_error(tmp_path: Path) -> None:
    row = made(tmp_path, gain="much", horizon=[1], min=True, top={}, confirm=-3)

    assert outlook(row, Asked()).rule == Rule(gain=0.005)


def test_a_replay_says_what_was_saved_and_lost() -> None:
    """It stops at 14 of 40, where 0.5 (14^-1.2 - 40^-1.2) is to come."""
    i = list(range(1, 41))
    y = [0.9 - 0.5 * k**-1.2 for k in i]

    stopped = replay(i, list(map(float, i)), y, 40, Rule(gain=0.02), rising=True).stopped

    assert stopped is not None
    assert (stopped.i, stopped.verdict, stopped.saved) == (14, "forecast", 26)
    assert stopped.lost == pytest.approx(0.5 * (14**-1.2 - 40**-1.2))


def test_values_that_are_not_finite_are_passed_over() -> None:
    y = [0.9 - 0.5 * k**-1.2 if k % 4 else np.nan for k in range(1, 21)]

    found = replay(range(1, 21), [float(k) for k in range(1, 21)], y, 40, Rule(), rising=True)

    assert [one.i for one in found.forecasts][:3] == [3, 5, 6]
    assert found.forecasts[-1].value == pytest.approx(0.9 - 0.5 * 40**-1.2, abs=1e-5)


def test_a_plots_line_gets_its_law_and_a_band_beyond_its_end(tmp_path: Path) -> None:
    row = made(tmp_path)
    drawn = plot([row])

    foresight.add(drawn, [row])

    ahead = drawn.panels[0].lines[0].ahead
    assert ahead is not None
    assert (ahead.x[0], ahead.x[-1], ahead.horizon) == (1, 40, 40)
    assert ahead.y == pytest.approx(0.9 - 0.5 * ahead.x**-1.2, abs=1e-5)
    assert np.isnan(ahead.low[ahead.x < 20]).all()
    assert (ahead.low <= ahead.high)[ahead.x >= 20].all()
    assert "at iteration 40" in drawn.remarks[0]


def test_a_plots_line_may_have_none_and_that_is_told(tmp_path: Path) -> None:
    row, short = made(tmp_path), made(tmp_path / "short", n=2)
    other, few = plot([row], ["words"]), plot([short])

    foresight.add(other, [row])
    foresight.add(few, [short])

    assert other.remarks == ["no forecast of words: it is no objective, and has no direction"]
    assert few.panels[0].lines[0].ahead is None
    assert "too few points" in few.remarks[0]
