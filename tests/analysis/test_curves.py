"""The course of runs, and the band of several seeds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from iterun.analysis import curves
from iterun.analysis.curves import Curve
from iterun.errors import StoreError
from iterun.store.reader import RunView
from iterun.store.rows import Row, row_of
from iterun.store.schema import RunRecord, Summary
from iterun.store.writer import RunWriter

RECORD = RunRecord(
    id="3f9a", system="sample/scott", family="sample", signature="5e1f", seed=1,
    created="2026-11-24T10:15:00+01:00", objective={"metric": "psnr", "goal": "max"},
)  # fmt: skip


def made(folder: Path, lines: list[dict[str, float]], *, summary: bool = True) -> Row:
    """A run whose iterations have these metrics, and a cost."""
    config = {"task": {"about": {"arms": {"psnr": ["pinv", "dps"]}}}}
    with RunWriter.create(folder / "run", record=replace(RECORD), config=config) as writer:
        for i, metrics in enumerate(lines):
            writer.append(i, seconds=0.5, metrics=metrics, cost={"peak_mem_mb": 100.0 + i})
        if summary:
            writer.summary(
                Summary(state="completed", last=dict(lines[-1]), costs={"peak_mem_mb": 102.0})
            )
        writer.status("completed", iteration=len(lines) - 1)
    return row_of(folder / "run")


def seed(id: str, values: list[float], first: int = 0) -> Curve:
    n = len(values)
    return Curve(id, np.arange(first, first + n), np.ones(n), {"ppl": np.array(values)})


def test_metrics_costs_and_seconds_are_read_by_bare_names(tmp_path: Path) -> None:
    row = made(tmp_path, [{"psnr": 20.0}, {"psnr": 21.5}])

    curve = curves.read(row, ["psnr", "peak_mem_mb", "seconds"])

    assert curve.i.tolist() == [0, 1]
    assert curve.values["psnr"].tolist() == [20.0, 21.5]
    assert curve.values["peak_mem_mb"].tolist() == [100.0, 101.0]
    assert curve.values["seconds"].tolist() == [0.5, 0.5]
    assert curve.elapsed.tolist() == [0.5, 1.0]


def test_a_recorded_nan_is_told_from_nothing_recorded(tmp_path: Path) -> None:
    row = made(tmp_path, [{"psnr": 20.0}, {"psnr": float("nan")}, {"lr": 1.0}])

    curve = curves.read(RunView(row.path), ["psnr"])

    assert curve.recorded["psnr"].tolist() == [True, True, False]
    assert np.isnan(curve.values["psnr"][1:]).all()


def test_infinities_are_kept(tmp_path: Path) -> None:
    row = made(tmp_path, [{"psnr": float("inf")}, {"psnr": float("-inf")}])

    assert curves.read(row, ["psnr"]).values["psnr"].tolist() == [np.inf, -np.inf]


def test_a_prefix_picks_the_cost_where_a_metric_has_its_name(tmp_path: Path) -> None:
    row = made(tmp_path, [{"peak_mem_mb": 1.0}])

    curve = curves.read(row, ["peak_mem_mb", "cost.peak_mem_mb"])

    assert curve.values["peak_mem_mb"].tolist() == [1.0]
    assert curve.values["cost.peak_mem_mb"].tolist() == [100.0]


def test_a_metric_may_be_called_elapsed(tmp_path: Path) -> None:
    row = made(tmp_path, [{"elapsed": 7.0, "i": 8.0}])

    curve = curves.read(row, ["elapsed", "i", curves.ELAPSED])

    assert [curve.column(name).tolist() for name in ("elapsed", "i")] == [[7.0], [8.0]]
    assert curve.column(curves.ELAPSED).tolist() == [0.5]


def test_a_name_that_the_run_does_not_have_is_nan_throughout(tmp_path: Path) -> None:
    curve = curves.read(made(tmp_path, [{"psnr": 20.0}]), ["fd@4"])

    assert np.isnan(curve.values["fd@4"]).all()
    assert not curve.recorded["fd@4"].any()


def test_whole_numbers_beyond_floats_are_infinite(tmp_path: Path) -> None:
    row = made(tmp_path, [{"psnr": 10**400}])

    assert curves.read(row, ["psnr"]).values["psnr"].tolist() == [np.inf]


def test_an_iteration_beyond_counting_is_refused(tmp_path: Path) -> None:
    row = made(tmp_path, [{"psnr": 1.0}])
    line = b'{"i":%d,"time":1.0,"seconds":1.0}\n' % 10**30
    (row.path / "iterations.jsonl").write_bytes(line)

    with pytest.raises(StoreError, match="no machine counts"):
        curves.read(row, ["psnr"])


@pytest.mark.parametrize("summary", [True, False])
def test_names_are_metrics_then_costs_then_seconds(tmp_path: Path, *, summary: bool) -> None:
    row = made(tmp_path, [{"psnr": 20.0, "lr": 0.1}], summary=summary)

    assert curves.names([row]) == ["psnr", "lr", "peak_mem_mb", "seconds"]


def test_of_an_iteration_that_stands_there_twice_the_last_line_counts(tmp_path: Path) -> None:
    row = made(tmp_path, [{"psnr": x} for x in (20.0, 21.0, 22.0)])
    file = row.path / "iterations.jsonl"
    first, second, third = file.read_text().splitlines(keepends=True)
    file.write_text(first + third + second + third.replace("22.0", "23.0"))

    curve = curves.read(row, ["psnr"])

    assert curve.i.tolist() == [0, 1, 2]
    assert curve.values["psnr"].tolist() == [20.0, 21.0, 23.0]
    assert curve.elapsed.tolist() == [0.5, 1.0, 1.5]


def test_arms_are_the_other_metrics_of_one_measure(tmp_path: Path) -> None:
    row = made(tmp_path, [{"psnr": 20.0}])

    assert curves.arms(row, "psnr") == ["psnr_pinv", "pinv_psnr", "psnr_dps", "dps_psnr"]
    assert curves.arms(row, "lr") == []


def test_a_band_is_mean_and_interval_at_each_iteration() -> None:
    found = curves.band([seed("a", [1.0, 2.0]), seed("b", [3.0, 6.0])], "ppl")

    assert found.mean.tolist() == [2.0, 4.0]
    assert (found.low.tolist(), found.high.tolist()) == ([1.0, 2.0], [3.0, 6.0])
    assert found.n.tolist() == [2, 2]


def test_a_band_of_one_seed_has_no_width() -> None:
    found = curves.band([seed("a", [1.0, 2.0])], "ppl")

    assert found.mean.tolist() == [1.0, 2.0]
    assert np.isnan(found.low).all()


def test_seeds_are_aligned_by_iteration_and_not_by_position() -> None:
    found = curves.band([seed("a", [1.0, 2.0]), seed("b", [4.0, 8.0], first=1)], "ppl")

    assert found.i.tolist() == [0, 1, 2]
    assert found.mean.tolist() == [1.0, 3.0, 8.0]
    assert found.n.tolist() == [1, 2, 1]


def test_a_seed_that_broke_is_not_averaged_away() -> None:
    found = curves.band([seed("a", [1.0, 2.0]), seed("b", [3.0, float("inf")])], "ppl")

    assert found.mean.tolist() == [2.0, float("inf")]


def test_time_is_averaged_as_any_other_measure() -> None:
    found = curves.band([seed("a", [1.0, 2.0]), seed("b", [3.0, 4.0])], curves.ELAPSED)

    assert found.mean.tolist() == [1.0, 2.0]
