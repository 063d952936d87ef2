"""The table of `iterun select`: what a setting was chosen by, and what it is worth, apart."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from iterun.cli.compare_table import chance
from iterun.cli.console import Span, err, out
from iterun.cli.figures import column, count, value
from iterun.cli.tables import Column, table
from iterun.store.schema import encode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iterun.analysis.evaluation import Interval, Line
    from iterun.analysis.selection import Choice
    from iterun.cli.console import Screen
    from iterun.store.selections import Selection

_NAMED = 2  #: settings that are named where several are left out
_LONG = re.compile(r"(?<==)-?\d+\.\d{5,}(?:e[-+]?\d+)?")  #: a number of many digits
TUNING, EVALUATION = "tuning (chosen on)", "evaluation"


def tell_choice(screen: Screen, choice: Choice) -> None:
    """Say what was chosen among, and what could not take part."""
    seeds = ", ".join(map(str, choice.seeds))
    best = choice.candidates[0]
    screen.line(
        Span("chosen: ", "accent"), Span(best.label, "bold"),
        f"  of {count(len(choice.candidates), 'setting')} by {choice.metric} ({choice.goal}), "
        f"seed{'s' if len(choice.seeds) > 1 else ''} {seeds}",
    )  # fmt: skip
    if choice.left_out:
        screen.line(Span("left out: ", "warn"), _left_out(choice.left_out))
    if choice.would_win is not None:
        screen.line(
            Span("warning: ", "warn"),
            f"{choice.would_win} is better on those of its seeds that are done, and is left out "
            "for those that are missing",
        )
    if len(choice.seeds) == 1:
        screen.line(Span("note: one seed a setting: the choice may be the seed's", "dim"))
    screen.stream.flush()


def _left_out(why: Mapping[str, str]) -> str:
    """Which settings, and why; of many how many for each reason."""
    if len(why) <= _NAMED:
        return "; ".join(f"{label} ({reason})" for label, reason in why.items())
    reasons = Counter(reason.lstrip("0123456789 ") for reason in why.values()).most_common()
    return f"{count(len(why), 'setting')}: " + ", ".join(f"{n} {text}" for text, n in reasons)


def show(choice: Choice, lines: Sequence[Line], records: Sequence[Selection], form: str) -> None:
    """Write the table, or all of it for machines."""
    if form == "json":
        out().raw(encode(_json(choice, lines, records)).decode() + "\n")
        return
    columns = _columns(lines)
    if form == "md":
        _markdown(columns)
        return
    kept = table(out(), columns)
    out().stream.flush()
    if gone := dict.fromkeys(c.head for c in columns if c not in kept):
        err().line(Span(f"no room for {', '.join(gone)}", "dim"))
    _tell(err(), choice, lines, records)


def _columns(lines: Sequence[Line]) -> list[Column]:
    tuning, tuned = _intervals([line.tuning for line in lines])
    evaluation, evaluated = _intervals([line.evaluation for line in lines])
    roles = [line.role for line in lines]
    labels = _short([line.label for line in lines])
    shown = [Column(head="setting", cells=labels, least=24, style="bold")]
    if len(set(roles)) > 1:
        shown.append(Column(head="as", cells=roles, drop=10))
    shown += [
        Column(head=TUNING, cells=tuning, right=True, style="dim"),
        Column(head="95 %", cells=tuned, right=True, style="dim", drop=9),
        Column(head=EVALUATION, cells=evaluation, right=True, style="accent"),
        Column(head="95 %", cells=evaluated, right=True, drop=4),
        Column(head="n", cells=[str(line.evaluation.n) for line in lines], right=True, drop=6),
        Column(head="drop", cells=_signed([line.drop for line in lines]), right=True),
    ]
    if any(line.against for line in lines):
        shown += _tests(lines)
    return shown


def _short(labels: Sequence[str]) -> list[str]:
    """Labels without the last digits of what a search drew, if they are told apart so."""
    short = [_LONG.sub(lambda found: f"{float(found[0]):.4g}", label) for label in labels]
    return short if len(set(short)) == len(set(labels)) else list(labels)


def _tests(lines: Sequence[Line]) -> list[Column]:
    tests = [line.against for line in lines]
    flat = [x for t in tests if t for x in (t.difference, *_bounds(t.low, t.high))]
    cells = iter(_signed(flat))
    parts = [(next(cells), next(cells), next(cells)) if t else ("", "", "") for t in tests]
    needed = ["" if t is None or t.needed is None else str(t.needed) for t in tests]
    return [
        Column(head="difference", cells=[mean for mean, *_ in parts], right=True, drop=1),
        Column(head="95 %", cells=[_bracketed(*it) for _, *it in parts], right=True, drop=7),
        Column(head="p", cells=[chance(t) for t in tests], right=True, drop=3),
        Column(head="seeds needed", cells=needed, right=True, drop=8),
    ]


def _bounds(low: float, high: float) -> tuple[float | None, float | None]:
    return (None, None) if low != low or high != high else (low, high)


def _intervals(found: Sequence[Interval | None]) -> tuple[list[str], list[str]]:
    """Means, and their bounds, with equally many decimals."""
    flat: list[float | None] = []
    for it in found:
        flat += [None] * 3 if it is None or not it.n else [it.mean, *_bounds(it.low, it.high)]
    cells = column(flat)
    bounds = zip(cells[1::3], cells[2::3], strict=True)
    return cells[::3], [_bracketed(low, high) for low, high in bounds]


def _bracketed(low: str, high: str) -> str:
    return f"[{low}, {high}]" if low and high else ""


def _signed(values: Sequence[float | None]) -> list[str]:
    cells = column(list(values))
    return [
        f"+{cell}" if cell and x is not None and x > 0 else cell
        for cell, x in zip(cells, values, strict=True)
    ]


def _tell(
    screen: Screen, choice: Choice, lines: Sequence[Line], records: Sequence[Selection]
) -> None:
    """The result in words: never the tuning score."""
    best, record = lines[0], records[0]
    if not best.evaluation.n:
        screen.line(Span("no evaluation run is completed: there is no result yet", "warn"))
        return
    [mean], [bounds] = _intervals([best.evaluation])
    screen.line(
        Span("result: ", "accent"), f"{choice.metric} ",
        Span(f"{mean} {bounds}".rstrip(), "bold"), f" on {count(best.evaluation.n, 'fresh seed')}",
        f" with {' '.join(record.changes)}" if record.changes else "",
    )  # fmt: skip
    if best.tuning is not None and (drop := best.drop) is not None:
        word = "worse" if drop > 0 else "better"
        screen.line(Span(
            f"the tuning score {value(best.tuning.mean)} made it the best of "
            f"{record.among}; fresh runs are {value(abs(drop))} {word}", "dim",
        ))  # fmt: skip
    if sum(line.role == "chosen" for line in lines) > 1:
        screen.line(Span(
            "choosing again among these by their evaluation would need fresh seeds again", "dim"
        ))  # fmt: skip


def _json(choice: Choice, lines: Sequence[Line], records: Sequence[Selection]) -> dict[str, Any]:
    return {
        "metric": choice.metric,
        "goal": choice.goal,
        "tuning_seeds": list(choice.seeds),
        "evaluation_seeds": records[0].seeds,
        "changes": records[0].changes,
        "among": len(choice.candidates),
        "left_out": dict(choice.left_out),
        "settings": [
            line.to_json() | {"signature": record.signature, "line": record.command}
            for line, record in zip(lines, records, strict=True)
        ],
    }


def _markdown(columns: Sequence[Column]) -> None:
    def row(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"

    screen = out()
    screen.raw(row([c.head for c in columns]))
    screen.raw(row(["---:" if c.right else "---" for c in columns]))
    for k in range(len(columns[0].cells)):
        screen.raw(row([c.cells[k] for c in columns]))
