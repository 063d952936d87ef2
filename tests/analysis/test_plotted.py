"""What a plot shows: lines of settings, bands of seeds, and what is said beside."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iterun.analysis.log_axes import on_log_axes
from iterun.analysis.plotted import Detail, plot
from iterun.store.rows import Row, row_of
from iterun.store.schema import RunRecord, Summary
from iterun.store.writer import RunWriter

RECORD = RunRecord(
    id="a", system="sample/dps", family="sample", signature="s", seed=1,
    created="2026-11-24T10:15:00+01:00", objective={"metric": "psnr", "goal": "max"},
)  # fmt: skip
INF, NAN = float("inf"), float("nan")
Make = Callable[..., Row]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def made(
        id: str,
        psnr: list[float],
        *,
        state: str = "completed",
        reason: str | None = None,
        **changes: Any,
    ) -> Row:
        parameters = changes.pop("parameters", {})
        more = changes.pop("more", {})
        metrics: dict[str, float] = {}
        about = {"arms": {"psnr": ["dps"]}}
        config = {"task": {**parameters, "about": about}, "tags": changes.pop("tags", [])}
        record = replace(RECORD, id=id, **changes)
        with RunWriter.create(tmp_path / id, record=record, config=config) as writer:
            for i, value in enumerate(psnr):
                metrics = {"psnr": value, "tokens": 10.0 * i, **more}
                writer.append(i, seconds=2.0, metrics=metrics)
            writer.summary(Summary(state=state, reason=reason, parameters=parameters, last=metrics))
            writer.status(state, reason=reason)
        return row_of(tmp_path / id)

    return made


def test_the_seeds_of_a_setting_are_one_line(make: Make) -> None:
    rows = [make("a", [1.0, 2.0], seed=1), make("b", [3.0, 6.0], seed=2)]

    (panel,) = plot(rows).panels

    (line,) = panel.lines
    assert (line.runs, line.seeds, panel.goal) == (["a", "b"], [1, 2], "max")
    assert line.y.tolist() == [2.0, 4.0]
    assert line.high.tolist() == [3.0, 6.0]


def test_each_run_may_have_a_line_of_its_setting_s_colour(make: Make) -> None:
    rows = [make("b", [3.0], seed=2), make("a", [1.0], seed=1)]

    found = plot(rows, each=True)

    assert found.labels == ["sample/dps seed 1", "sample/dps seed 2"]
    assert found.groups == ["sample/dps"]


def test_settings_are_told_apart_by_what_differs_smallest_first(make: Make) -> None:
    rows = [
        make(f"r{n}", [1.0], signature=str(n), parameters={"steps": n, "lr": 0.1})
        for n in (20, 3, 100)
    ]

    assert plot(rows).labels == ["steps=3", "steps=20", "steps=100"]


def test_a_seed_that_ran_twice_counts_once(make: Make) -> None:
    rows = [make("a", [1.0]), make("b", [9.0], state="failed"), make("c", [3.0], seed=2)]

    found = plot(rows)

    assert found.panels[0].lines[0].runs == ["a", "c"]
    assert "1 run left out: the same setting and seed" in found.remarks[0]


def test_what_a_search_ended_early_does_not_stand_for_a_whole_run(make: Make) -> None:
    rows = [make("a", [1.0, 2.0]), make("b", [1.0], reason="pruned")]

    assert plot(rows).panels[0].lines[0].runs == ["a"]


def test_an_evaluation_in_one_mean_with_what_chose_its_setting_is_told(make: Make) -> None:
    rows = [make("a", [1.0]), make("b", [3.0], seed=1000, tags=["evaluation"])]

    assert plot(rows).remarks[0].startswith("1 setting with runs of a choice and of its evaluation")
    assert plot(rows[1:]).remarks == plot(rows[:1]).remarks == []


def test_settings_that_no_float_holds_have_their_place(make: Make) -> None:
    values = [10**400, 2, "x", True]
    rows = [make(f"r{n}", [1.0], signature=str(n), parameters={"k": values[n]}) for n in range(4)]

    assert plot(rows).labels[::3] == ["k=true", "k=x"]


def test_the_objective_brings_its_arms_into_one_panel(make: Make) -> None:
    found = plot([make("a", [1.0], more={"psnr_dps": 5.0})])

    assert [line.metric for line in found.panels[0].lines] == ["psnr", "psnr_dps"]
    assert found.labels == ["psnr", "psnr_dps"]


def test_a_metric_that_is_named_is_a_panel_of_its_own(make: Make) -> None:
    found = plot([make("a", [1.0])], ["tokens", "psnr"])

    assert [panel.metric for panel in found.panels] == ["tokens", "psnr"]


def test_x_may_be_time_or_a_metric(make: Make) -> None:
    rows = [make("a", [1.0, 2.0])]

    assert plot(rows, x="seconds").panels[0].lines[0].x.tolist() == [2.0, 4.0]
    assert plot(rows, x="tokens").panels[0].lines[0].x.tolist() == [0.0, 10.0]


def test_a_run_may_be_drawn_up_to_an_iteration(make: Make) -> None:
    row = make("a", [1.0, 2.0, 3.0])

    assert plot([row], until={"a": 1}).panels[0].lines[0].i.tolist() == [0, 1]
    assert plot([row], until={"a": 7}).remarks == ["a has no iteration 7: it is drawn up to 2"]


def test_what_is_not_finite_is_kept_and_told(make: Make) -> None:
    found = plot([make("a", [1.0, INF, NAN])])

    assert found.panels[0].lines[0].y.tolist()[:2] == [1.0, INF]
    assert "psnr is not finite at 2 points: gaps there" in found.remarks


def test_seeds_that_ended_earlier_are_told(make: Make) -> None:
    found = plot([make("a", [1.0, 2.0]), make("b", [3.0], seed=2)])

    assert any("not all 2 seeds have every iteration" in remark for remark in found.remarks)


def test_a_log_axis_has_no_room_for_zero_and_says_so(make: Make) -> None:
    found = on_log_axes(plot([make("a", [0.0, -1.0, 5.0])]), x=False, y=True)

    assert found.panels[0].lines[0].y.tolist() == [0.0, -1.0, 5.0]
    assert "2 points of psnr left out: a logarithmic axis" in found.remarks[-1]


def test_a_band_that_leaves_a_log_axis_ends_at_the_least_value_on_it(make: Make) -> None:
    rows = [make("a", [-2.0, 3.0]), make("b", [4.0, 5.0], seed=2)]

    found = on_log_axes(plot(rows), x=False, y=True)

    assert found.panels[0].lines[0].low.tolist() == [1.0, 3.0]


def test_bands_may_be_drawn_less_finely_than_lines(make: Make) -> None:
    rows = [make("a", [1.0] * 9), make("b", [2.0] * 9, seed=2)]

    (line,) = plot(rows, detail=Detail(points=3, lines=1)).panels[0].lines

    assert line.y.tolist() == [1.5] * 9
    assert np.isfinite(line.low).tolist().count(True) == 3
    assert [x.tolist() for x in line.band] == [[0.0, 4.0, 8.0], [1.0] * 3, [2.0] * 3]


def test_a_gap_in_the_seeds_is_a_gap_in_the_band(make: Make) -> None:
    rows = [make("a", [1.0, NAN, 3.0]), make("b", [2.0, 2.0, 2.0], seed=2)]

    _, low, _ = plot(rows).panels[0].lines[0].band

    assert np.isfinite(low).tolist() == [True, False, True]
