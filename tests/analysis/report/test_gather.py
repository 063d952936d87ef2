"""What the page says of many runs, of long ones and of broken ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from iterun.analysis.report import charts, gather, history
from iterun.analysis.report.gather import Report
from iterun.store.rows import row_of
from iterun.store.schema import Iteration


def read(*directories: Path, **options: Any) -> Report:
    return gather.read([row_of(path) for path in directories], asked=["@-1"], **options)


def test_seeds_of_a_setting_stand_together(make: Callable) -> None:
    seeds = [make(f"a{n}", seed=n, ppl=[30.0, 20.0 + n]) for n in (1, 2, 3)]
    other = make(
        "b1",
        signature="other",
        ppl=[30.0, 21.0],
        parameters={"sparsity": 0.7, "criterion": "wanda"},
    )

    (system,) = read(*seeds, other).systems

    assert [s.label for s in system.chart.series] == ["sparsity=0.7", "sparsity=0.6"]
    assert [s.n for s in system.chart.series] == [1, 3]
    mean = next(c for c in system.groups.columns if c.kind == "mean")
    assert [cell.text for cell in mean.cells] == ["21", "22"]
    assert system.groups.best == [True, False]


def test_unfinished_runs_are_counted_but_not_averaged(make: Callable) -> None:
    done = make("a1", ppl=[30.0, 20.0])
    failed = make("a2", seed=2, state="failed", ppl=[30.0, 90.0])

    (system,) = read(done, failed).systems

    cells = {column.head: column.cells[0].text for column in system.groups.columns}
    assert (cells["runs"], cells["ppl"]) == ("1 (+ 1 failed)", "20")


def test_seeds_that_were_cut_at_different_iterations_are_said(make: Callable) -> None:
    whole = make("a1", seed=1)
    cut = make("a2", seed=2, ppl=[30.0, 20.0], reason="iterations")

    (system,) = read(whole, cut).systems

    said = "stop.iterations ended seeds of a setting at different iterations"
    assert system.groups.notes == [said]


def test_of_one_setting_every_seed_is_drawn_too(make: Callable) -> None:
    (system,) = read(*(make(f"a{n}", seed=n) for n in (1, 2))).systems

    assert [s.label for s in system.chart.series] == ["mean", "a1", "a2"]
    assert (
        system.chart.points["ppl"][0] == [[0, 1, 2], [30.0, 25.5, 26.0]] + [[30.0, 25.5, 26.0]] * 2
    )


def test_only_the_first_runs_are_whole_and_the_page_says_so(make: Callable) -> None:
    report = read(*(make(f"a{n}", seed=n) for n in range(3)), whole=2)

    assert [one.id for one in report.runs] == ["a0", "a1"]
    assert report.remarks == ["2 of 3 runs are shown whole (--whole 2)"]
    assert report.listing is not None
    assert report.listing.anchors == ["run-1", "run-2", ""]


def test_a_small_page_takes_fewer_runs(make: Callable) -> None:
    files = {f"{n}.txt": b"x" * 16_000 for n in range(12)}

    report = read(*(make(f"a{n}", seed=n, files=files) for n in range(4)), megabytes=1)

    assert len(report.runs) < 4 or any("the page is full" in r for r in report.remarks)


def test_what_cannot_be_read_is_said_in_its_place(make: Callable) -> None:
    directory = make()
    row = row_of(directory)
    (directory / "config.json").write_text("{torn")
    (directory / "iterations.jsonl").unlink()

    page = gather.read([row], asked=[]).runs[0]

    assert page.history is not None
    assert page.history.total == 0
    assert any("config.json can't be read" in problem for problem in page.problems)
    assert any("iterations.jsonl" in problem for problem in page.problems)
    assert dict((name, text) for name, text, _ in page.parameters)["sparsity"] == "0.6"


def test_typed_parameters_are_marked(make: Callable) -> None:
    assert read(make()).runs[0].parameters == [
        ("sparsity", "0.6", True),
        ("criterion", "wanda", False),
    ]


def test_values_that_are_not_finite_are_gaps(make: Callable) -> None:
    report = read(make(ppl=[30.0, float("inf"), float("nan"), 20.0]))

    (system,) = report.systems
    assert system.chart.points["ppl"][0] == [[0, 1, 2, 3], [30.0, None, None, 20.0], [], []]
    assert any("not finite" in remark for remark in system.chart.remarks)


def test_a_wide_range_of_positive_values_asks_for_a_logarithmic_axis(make: Callable) -> None:
    wide, narrow, signed = (
        read(make(f"a{n}", ppl=ppl)).systems[0].chart.log["ppl"]
        for n, ppl in enumerate([[1.0, 1000.0], [1.0, 10.0], [-1.0, 1000.0]])
    )

    assert (wide, narrow, signed) == (True, False, False)


@pytest.mark.parametrize("best", [None, 137, 500])
def test_a_long_history_keeps_both_ends_and_the_best(best: int | None) -> None:
    lines = [Iteration(i=i, time=0.0, seconds=1.0, metrics={"ppl": 1.0}) for i in range(1000)]

    kept = [line.i for line in history.thin(lines, best)]

    assert kept[:50] == list(range(50))
    assert kept[-50:] == list(range(950, 1000))
    assert best is None or best in kept
    assert len(kept) <= history.MOST_LINES + 1
    assert kept == sorted(set(kept))


def test_a_log_shows_its_last_lines_without_colors(make: Callable) -> None:
    directory = make()
    (directory / "log.txt").write_text("\n".join(f"\x1b[32mline {n}\x1b[0m" for n in range(500)))

    log = read(directory).runs[0].log

    assert log.startswith("…\nline 400\n")
    assert log.endswith("line 499")


def test_more_settings_than_a_chart_holds_are_said(make: Callable) -> None:
    n = charts.MOST_SERIES + 1
    made = [make(f"a{k}", signature=f"s{k}", parameters={"sparsity": k / 100}) for k in range(n)]

    (system,) = read(*made).systems

    assert len(system.chart.series) == charts.MOST_SERIES
    assert f"The best {charts.MOST_SERIES} of {n} settings are drawn" in system.chart.remarks
