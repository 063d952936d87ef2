"""What a search has found: its best trials or its front, and the line that repeats the best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterun.cli.console import Span, err, out
from iterun.cli.figures import column, count, value
from iterun.cli.tables import Column, table
from iterun.cli.words import run_word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterun.launch.search.events import StudyEnded
    from iterun.launch.search.findings import Findings, Found

_BEST = 5  #: trials shown where there is one metric


def show(ended: StudyEnded) -> None:
    """Say what a search came to."""
    findings = ended.findings
    screen = err()
    screen.line()
    screen.line(Span("study ", "dim"), Span(findings.study, "bold"), "  ", _states(findings))
    for text in _failures(findings):
        screen.line(Span("  ", "warn"), text)
    screen.stream.flush()
    if not findings.best:
        screen.line("no trial came to its end: there is nothing to choose from")
        return
    several = len(findings.metrics) > 1
    shown = findings.best if several else findings.ranked[:_BEST]
    table(out(), _columns(findings, shown))
    out().stream.flush()
    if several:
        screen.line(f"none of these {count(len(shown), 'trial')} is beaten in all metrics")
    which = f"trial {shown[0].number}" if several else "the best"
    screen.line(Span(f"repeat {which}: ", "accent"), findings.lines[0])


def to_json(ended: StudyEnded) -> dict[str, Any]:
    """The event for --json."""
    findings = ended.findings
    return {
        "event": "study_ended",
        "study": findings.study,
        "folder": str(ended.folder),
        "metrics": dict(findings.metrics),
        **findings.to_json(),
    }


def _states(findings: Findings) -> str:
    total = count(len(findings.trials), "trial")
    states = ("complete", "pruned", "failed", "lost", "running")
    counted = [f"{n} {state}" for state in states if (n := findings.count(state))]
    return f"{total}: {', '.join(counted)}" if counted else total


def _failures(findings: Findings) -> list[str]:
    """Why trials failed, equal reasons together."""
    found: dict[str, list[int]] = {}
    for trial in findings.trials:
        if trial.state == "failed" and trial.why:
            found.setdefault(trial.why, []).append(trial.number)
    return [f"trial {', '.join(map(str, numbers))}: {why}" for why, numbers in found.items()]


def _columns(findings: Findings, trials: Sequence[Found]) -> list[Column]:
    keys = list(dict.fromkeys(key for trial in trials for key in trial.params))
    metrics = [
        Column(
            head=f"{name} ({goal})",
            cells=column([trial.values[n] for trial in trials]),
            right=True,
            style="accent",
        )
        for n, (name, goal) in enumerate(findings.metrics.items())
    ]
    params = [_param(key, trials, drop=n + 1) for n, key in enumerate(keys)]
    runs = [" ".join(map(run_word, trial.runs)) for trial in trials]
    return [
        Column(head="trial", cells=[str(trial.number) for trial in trials], right=True),
        *metrics,
        *params,
        Column(head="runs", cells=runs, least=8, style="dim", drop=len(keys) + 1),
    ]


def _param(key: str, trials: Sequence[Found], drop: int) -> Column:
    found = [trial.params.get(key) for trial in trials]
    is_number = all(isinstance(x, int | float) for x in found)
    cells = [value(x) if is_number else str(x) for x in found]
    return Column(head=key.removeprefix("task."), cells=cells, right=is_number, drop=drop)
