"""What is seen of a run while it goes and at its end, from events made by hand."""

import json
import math
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iterun.cli import panel, plain, stopping
from iterun.cli.live import LiveDisplay
from iterun.cli.text import width
from iterun.cli.tracker import Tracker
from iterun.core.job import Outcome
from iterun.core.progress import (
    CheckpointSaved,
    Event,
    InnerProgress,
    IterationDone,
    Remark,
    RunEnded,
    RunStarted,
)
from iterun.store.schema import RunRecord, Summary

RECORD = RunRecord(
    id="3f9a1c2b",
    system="prune/perp",
    family="prune",
    signature="5e1f",
    seed=1,
    created="2026-11-24T10:15:00+01:00",
    model="opt-mini",
    data="pydoc",
    threads=2,
    objective={"metric": "ppl", "goal": "min"},
)
DIRECTORY = Path("outputs/prune/perp/20261124-101500-opt-mini-3f9a1c2b")


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def done(i: int, length: int | None = 4, **more: Any) -> IterationDone:
    metrics = {"tokens": 10.0 * i, "ppl": 40.0 / (i + 1), **more}
    return IterationDone(i, length, metrics, {}, {"phase": "train"}, 1.5, metrics["ppl"])


def ended(state: str = "completed", error: str | None = None, status: int = 0) -> RunEnded:
    summary = Summary(
        state=state, reason="length", objective=RECORD.objective, iterations=4, seconds=12.5,
        last={"tokens": 40.0, "ppl": 8.0}, best={"i": 4, "value": 8.0}, result={"ppl_dense": 20.25},
    )  # fmt: skip
    outcome = Outcome(
        state=state, reason="length", error=error, exit_status=status, directory=DIRECTORY,
        iterations=4, summary=summary,
    )  # fmt: skip
    return RunEnded(outcome)


def story(length: int | None = 4) -> Iterator[Event]:
    """A run of four iterations."""
    yield InnerProgress("load", 1, 2)
    yield RunStarted(DIRECTORY, RECORD, length, None, ["moved aside"])
    for i in range(5):
        yield InnerProgress("train", 3, 10)
        yield done(i, length)
    yield CheckpointSaved(4)
    yield Remark("rows \x1b[31mwithout[/red] weights")
    yield ended()


def test_a_plain_line_an_iteration(capsys: pytest.CaptureFixture[str]) -> None:
    display = plain.PlainDisplay()
    for event in story():
        display(event)

    out, err = capsys.readouterr()
    assert err.splitlines() == [
        "prune/perp  opt-mini  pydoc  seed 1  cpu float32, 2 threads",
        str(DIRECTORY),
        "note: moved aside",
        *(f"[{i}/4] tokens={10 * i} ppl={40 / (i + 1):.4g} phase=train (1.50 s)" for i in range(5)),
        "note: rows \\x1b[31mwithout[/red] weights",
        "completed  all 4 iterations in 12.5 s",
        "next:  iterun show 3f9a1c2b  iterun ls task=prune/perp",
    ]
    assert out.splitlines() == [
        "  ppl        8   best 8 at 4",
        "  ppl_dense  20.25",
        f"  {DIRECTORY}",
    ]


def test_quick_iterations_are_thinned_after_the_first_hundred(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    display = plain.PlainDisplay(clock)
    display(RunStarted(DIRECTORY, RECORD, None, None))
    for i in range(301):
        clock.now += 0.01
        display(done(i, None))
    display(ended())

    shown = [line for line in capsys.readouterr().err.splitlines() if line.startswith("[")]
    assert len(shown) == 101 + 20
    assert shown[-1].startswith("[300]")


def test_a_long_iteration_gives_a_sign_of_life(capsys: pytest.CaptureFixture[str]) -> None:
    """A loop that has not told of itself yet after 5 s, then every 30 s."""
    clock = Clock()
    display = plain.PlainDisplay(clock)
    for k in range(100):
        clock.now += 1.0
        display(InnerProgress("train" if k < 70 else "measure", k, 100))

    said = capsys.readouterr().err.split("\n")
    assert [line.split() for line in said if line] == [
        ["train", "4/100"],
        ["train", "34/100"],
        ["train", "64/100"],
        ["measure", "70/100"],
    ]


def test_quiet_prints_the_directory_alone(capsys: pytest.CaptureFixture[str]) -> None:
    display = plain.QuietDisplay()
    for event in story():
        display(event)

    assert capsys.readouterr() == (f"{DIRECTORY}\n", "")


def test_json_is_an_object_an_event(capsys: pytest.CaptureFixture[str]) -> None:
    display = plain.JsonDisplay()
    for event in [*story(), done(5, loss=math.nan)]:
        display(event)

    out, err = capsys.readouterr()
    found = [json.loads(line) for line in out.splitlines()]
    assert err == ""
    assert [one["event"] for one in found] == [
        "progress", "started", *["iteration"] * 5, "checkpoint", "remark", "ended", "iteration"
    ]  # fmt: skip
    assert found[-2]["exit_status"] == 0
    assert found[-1]["metrics"]["loss"] == "NaN"


def test_a_failed_run_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    display = plain.PlainDisplay()
    display(RunStarted(DIRECTORY, RECORD, 4, None))
    display(ended("failed", "no memory\nset backend.dtype=bfloat16", 1))

    err = capsys.readouterr().err.splitlines()
    assert err[2:] == [
        "failed  after 12.5 s",
        "error: no memory",
        "hint: set backend.dtype=bfloat16",
        "next:  iterun show 3f9a1c2b  iterun resume 3f9a1c2b",
    ]


def tracked(*events: Event) -> Tracker:
    tracker = Tracker(Clock())
    for event in events:
        tracker.take(event)
    return tracker


def text_of(tracker: Tracker, columns: int = 100, rows: int = 24) -> list[str]:
    shown = panel.lines(tracker, columns, rows)
    return ["".join(p if isinstance(p, str) else p.text for p in parts) for parts in shown]


def test_the_panel_shows_iterations_metrics_and_best() -> None:
    tracker = tracked(RunStarted(DIRECTORY, RECORD, 4, None), done(0), done(1), done(2))
    tracker.take(InnerProgress("train", 3, 10))

    lines = text_of(tracker)
    assert lines[0].split()[:2] == ["iteration", "2/4"]
    assert lines[1].split()[:2] == ["train", "3/10"]
    assert lines[2].split() == ["ppl", "13.33", "█▁", "best", "13.33", "at", "2"]
    assert "cpu float32, 2 threads" in lines[-1]


def test_the_time_left_follows_the_pace() -> None:
    clock = Clock()
    tracker = Tracker(clock)
    tracker.take(RunStarted(DIRECTORY, RECORD, 4, None))
    clock.now += 10.0
    tracker.take(done(1))
    clock.now += 4.0

    assert tracker.seconds_left() == 26.0
    assert "14.0 s, 26.0 s left" in text_of(tracker)[0]


@pytest.mark.parametrize("columns", [10, 40, 80, 200])
def test_the_panel_fits_the_screen(columns: int) -> None:
    many = {f"metric_{k}\x1b": float(k) for k in range(40)}
    tracker = tracked(RunStarted(DIRECTORY, RECORD, None, None), done(1, None, **many))

    lines = text_of(tracker, columns, 20)

    assert len(lines) <= 20
    assert all(line.isprintable() for line in lines)
    assert columns < 80 or all(width(line) <= columns for line in lines)


def test_a_resumed_run_goes_on_with_its_history(runs: Any) -> None:
    directory = runs(ppl=[30.0, 25.5, 26.0])

    tracker = tracked(RunStarted(directory, RECORD, 4, 2), done(3))

    assert tracker.series["ppl"].points == [25.5, 26.0, 10.0]
    assert tracker.best == (3, 10.0)


def test_the_live_display_leaves_only_what_matters(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    display = LiveDisplay()
    for event in story():
        display(event)

    out, err = capsys.readouterr()
    assert "note: rows \\x1b[31mwithout[/red] weights" in err
    assert "completed  all 4 iterations in 12.5 s" in err
    assert "ppl_dense  20.25" in out


def test_a_signal_is_heard_before_the_runners_handler() -> None:
    heard: list[str] = []
    before = signal.signal(signal.SIGUSR2, lambda number, frame: heard.append("runner"))
    try:
        stopping.listen(lambda: heard.append("display"))
        signal.raise_signal(signal.SIGUSR2)
    finally:
        signal.signal(signal.SIGUSR2, before)

    assert heard == ["display", "runner"]


def test_the_panel_says_that_the_run_is_stopping() -> None:
    tracker = tracked(RunStarted(DIRECTORY, RECORD, 4, None), done(1))

    tracker.stop()

    assert text_of(tracker, 80)[-1] == f"  {stopping.TEXT}"
