"""The end of a run on the screen: how it ended, its result, where it is, what to type next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterun.cli import words
from iterun.cli.console import Part, Screen, Span, err, out
from iterun.cli.figures import duration, value
from iterun.cli.tables import facts
from iterun.errors import StoreError
from iterun.store.reader import RunView

if TYPE_CHECKING:
    from pathlib import Path

    from iterun.core.job import Outcome
    from iterun.store.schema import RunRecord

_MOST = 12  #: lines of results


def show(outcome: Outcome, record: RunRecord | None) -> None:
    """Results to stdout; how it ended and what to do next to stderr."""
    results, remarks = out(), err()
    _state(remarks, outcome)
    remarks.stream.flush()
    facts(results, _numbers(outcome)[:_MOST])
    results.line("  ", str(outcome.directory))
    results.stream.flush()
    _next(remarks, outcome, record)
    remarks.stream.flush()


def _state(screen: Screen, outcome: Outcome) -> None:
    parts: list[Part] = [Span(outcome.state, words.STYLES.get(outcome.state, "bold"))]
    iterations = outcome.summary.iterations if outcome.summary else outcome.iterations
    costs = outcome.summary.costs if outcome.summary else {}
    why = words.reason(outcome.state, outcome.reason, iterations, costs)
    took = duration(outcome.summary.seconds) if outcome.summary else ""
    parts += [Span("  "), why] if why and outcome.state != "failed" else []
    is_phrase = outcome.state == "completed" and why and ":" not in why
    parts += [f" in {took}" if is_phrase else f"  after {took}"] if took else []
    screen.line(*parts)
    if outcome.error:
        first, *more = outcome.error.splitlines()
        screen.line(Span("error: ", "alarm"), first)
        for line in more:
            screen.line(Span("hint: ", "accent") if line == more[0] else " " * 6, line)


def _numbers(outcome: Outcome) -> list[tuple[str, Part]]:
    """The objective, then the result, or the last metrics where there is none."""
    summary = outcome.summary
    if summary is None:
        return []
    metric = (summary.objective or {}).get("metric")
    shown: dict[str, Any] = dict(summary.result or summary.last)
    if metric in summary.last:
        shown.setdefault(str(metric), summary.last[metric])
    rows: list[tuple[str, Part]] = []
    for name in sorted(shown, key=lambda name: name != metric):
        text = value(shown[name])
        if name == metric and summary.best and summary.iterations > 1:
            text += f"   best {value(summary.best['value'])} at {summary.best['i']}"
        rows.append((name, Span(text, "bold" if name == metric else "")))
    return rows


def _read(directory: Path) -> RunRecord | None:
    """Of a run that was done before, and told nothing now."""
    try:
        return RunView(directory).record
    except StoreError:
        return None


def _next(screen: Screen, outcome: Outcome, record: RunRecord | None) -> None:
    record = record or _read(outcome.directory)
    run = record.id if record else str(outcome.directory)
    system = record.system if record else ""
    steps = words.next_steps(outcome.state, words.run_word(run), system)
    parts: list[Part] = [Span("next:", "dim")]
    for step in steps:
        parts += ["  ", Span(step, "accent")]
    screen.line(*parts)
