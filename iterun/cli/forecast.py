"""`iterun forecast`: what runs will come to, a page for one, a table for several, or JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterun.analysis.forecast import Asked, Forecast, Outlook, outlook
from iterun.cli import picked
from iterun.cli.console import Part, Screen, Span, err, out
from iterun.cli.figures import column, count, value
from iterun.cli.formats import json_text
from iterun.cli.tables import Column, facts, table
from iterun.errors import IterunError
from iterun.store import paths
from iterun.store.index import Index

if TYPE_CHECKING:
    from collections.abc import Sequence

PROVISIONAL = "provisional: the asymptote has not come to rest yet"


def show(words: Sequence[str], asked: Asked, *, outputs: str | None, as_json: bool) -> None:
    """Look ahead.

    Args:
        words: the runs.
        asked: what to look at.
        outputs: the folder with the runs; None: where they are by default.
        as_json: a list of objects instead.

    Raises:
        StoreError: a run can't be found or read.
        ConfigError: an option that can't be, or none of the runs can be looked at with it.
    """
    asked.check()
    with Index(paths.outputs_root(outputs)) as index:
        found = picked.runs(index, words)
    looks, faults = [], []
    for row, until in found:
        try:
            looks.append(outlook(row, asked, until))
        except IterunError as error:
            if len(found) == 1:
                raise
            faults.append(error)
    if not looks:
        raise faults[0]
    screen = out()
    if as_json:
        screen.raw(json_text([_object(look) for look in looks]) + "\n")
    elif len(looks) == 1:
        page(screen, looks[0])
    else:
        _table(screen, looks)
    if not as_json and len(looks) > 1 and any(look.is_over for look in looks):
        text = f"what has been seen is not forecast; {_beyond(looks)}"
        err().line(Span("note: ", "warn"), text)
    for fault in faults:
        err().line(Span("left out: ", "warn"), fault.message)


def page(screen: Screen, look: Outlook) -> None:
    """Write one run's."""
    screen.line(
        Span(look.row.system, "bold"), "  ", Span(look.row.id, "bold"), f"  seed {look.row.seed}  ",
        Span(look.metric, "accent"), Span(f"  {_better(look)}", "dim"),
    )  # fmt: skip
    so_far = f"{value(look.last)} at iteration {look.i}"
    so_far += f", best {value(look.best)} at {look.best_at}"
    pairs: list[tuple[str, Part]] = [("so far", so_far)]
    if look.is_over:
        pairs.append(("forecast", Span(f"none: {look.why_none}; {_beyond([look])}", "warn")))
    elif look.newest is None:
        pairs.append(("forecast", Span(f"none: {look.why_none}", "warn")))
    if look.newest is not None:
        pairs += _forecast(look, look.newest)
    facts(screen, [*pairs, ("rule", _rule(look))])


def _better(look: Outlook) -> str:
    return f"{'higher' if look.goal == 'max' else 'lower'} is better"


def _beyond(looks: Sequence[Outlook]) -> str:
    """What to type where nothing is left to forecast."""
    return f"--horizon {2 * max(look.i for look in looks)} looks beyond"


def _forecast(look: Outlook, newest: Forecast) -> list[tuple[str, Part]]:
    law = newest.law
    sign, x = ("-" if law.rising else "+"), ("x" if look.x == "iteration" else look.x)
    layer = "" if newest.layer is None else f", layer of convergence {value(newest.layer)}"
    pairs: list[tuple[str, Part]] = []
    if not look.is_over:
        expected = f"{_expected(newest)} at iteration {newest.horizon}"
        pairs += [("forecast", Span(expected, "bold")), ("going on", _gained(look, newest))]
    pairs.append(("law", f"{value(law.c)} {sign} {value(law.a)} {x}^-{value(law.b)}{layer}"))
    if newest.i < look.i:
        pairs.append(("made after", Span(f"iteration {newest.i}", "warn")))
    if newest.provisional and not look.is_over:
        pairs.append(("", Span(PROVISIONAL, "warn")))
    if (fault := look.replayed.forecaster.fault) is not None:
        pairs.append(("", Span(f"no ground for the rule: {look.blamed} {fault}", "warn")))
    return pairs


def _expected(newest: Forecast) -> str:
    return f"{value(newest.value)} [{value(newest.low)}, {value(newest.high)}]"


def _gained(look: Outlook, newest: Forecast) -> str:
    left = newest.horizon - look.i
    if newest.gain <= 0:
        return f"nothing more expected in {count(left, 'iteration')}"
    return f"{value(newest.gain)} more expected in {count(left, 'iteration')}"


def _rule(look: Outlook) -> str:
    """What stop.gain would have done."""
    stopped = look.replayed.stopped
    head = f"stop.gain={value(look.rule.gain)}"
    if stopped is None:
        off = look.replayed.forecaster.fault is not None
        return f"{head} {'goes off' if off else 'does not stop it'}"
    why = "" if stopped.verdict == "forecast" else f" ({stopped.verdict})"
    text = f"{head} stops it at {stopped.i}{why}, saves {count(stopped.saved, 'iteration')}"
    return text + ("" if stopped.lost is None else f", loses {value(stopped.lost)}")


def _table(screen: Screen, looks: Sequence[Outlook]) -> None:
    """A run a row; what all share stands above."""
    news = [None if look.is_over else look.newest for look in looks]
    laws = [look.newest for look in looks]
    names = [f"{look.metric}, {_better(look)}" for look in looks]
    if len(set(names)) == 1:
        screen.line(Span(looks[0].metric, "accent"), Span(f"  {_better(looks[0])}", "dim"))
    several = len({look.row.system for look in looks}) > 1
    layers = [law.layer if law else None for law in laws]
    known = column([
        *(look.best for look in looks),
        *(x for n in news for x in ((n.value, n.low, n.high) if n else (None,) * 3)),
        *(law.law.c if law else None for law in laws),
    ])  # fmt: skip
    n = len(looks)
    best, ahead, asymptotes = known[:n], known[n:-n], known[-n:]
    columns = [
        Column(head="id", cells=[look.row.id for look in looks], style="bold"),
        Column(head="system", cells=[look.row.system for look in looks] if several else [],
               least=10, drop=9),
        Column(head="metric", cells=[x.metric for x in looks] if len(set(names)) > 1 else [],
               drop=8),
        Column(head="seed", cells=[str(look.row.seed) for look in looks], right=True, drop=7),
        Column(head="iteration", cells=[f"{x.i}/{x.horizon}" for x in looks], right=True, drop=6),
        Column(head="best", cells=best, right=True, style="accent"),
        Column(head="forecast", cells=ahead[::3], right=True, style="bold"),
        Column(head="interval", cells=[f"[{low}, {high}]" if low else ""
                                       for low, high in zip(ahead[1::3], ahead[2::3], strict=True)],
               drop=5),
        Column(head="more", cells=_gains(news, known), right=True, drop=3),
        Column(head="asymptote", cells=asymptotes, right=True, drop=11),
        Column(head="layer", cells=_alike(layers, known), right=True, drop=10),
        Column(head="", cells=[_reserve(look) for look in looks], least=11, drop=2, style="warn"),
        Column(head="rule", cells=_rules(looks, known), least=20, drop=4),
    ]  # fmt: skip
    table(screen, [one for one in columns if any(one.cells)])


def _gains(news: Sequence[Forecast | None], known: Sequence[str]) -> list[str]:
    cells = _alike([n.gain if n else None for n in news], known)
    return ["none" if n and n.gain <= 0 else cell for n, cell in zip(news, cells, strict=True)]


def _alike(values: Sequence[float | None], known: Sequence[str]) -> list[str]:
    """Differences with as many decimals as the values that they are of, where all have as many."""
    places = {len(cell.partition(".")[2]) for cell in known if cell}
    if len(places) > 1 or any("e" in cell for cell in known):
        return column(values)
    return ["" if x is None else f"{x:.{max(places)}f}" for x in values]


def _reserve(look: Outlook) -> str:
    """What a forecast is not yet, or why there is none."""
    if look.is_over:
        return "at its end" if look.i == look.horizon else "seen"
    if look.newest is None:
        return look.why_none
    return "provisional" if look.newest.provisional else ""


def _rules(looks: Sequence[Outlook], known: Sequence[str]) -> list[str]:
    """Where the rule stops each, and what is lost by it."""
    stops = [look.replayed.stopped for look in looks]
    lost = _alike([one.lost if one else None for one in stops], known)
    cells = []
    for look, stopped, cell in zip(looks, stops, lost, strict=True):
        if stopped is None:
            cells.append("off" if look.replayed.forecaster.fault is not None else "no stop")
        else:
            cells.append(f"stops at {stopped.i}" + (f", -{cell}" if cell else ""))
    return cells


def _object(look: Outlook) -> dict[str, Any]:
    stopped, newest = look.replayed.stopped, None if look.is_over else look.newest
    return {
        "id": look.row.id, "system": look.row.system, "seed": look.row.seed,
        "metric": look.metric, "goal": look.goal, "x": look.x, "i": look.i, "last": look.last,
        "best": {"i": look.best_at, "value": look.best}, "horizon": look.horizon,
        "forecast": None if newest is None else _numbers(newest),
        "why_none": look.why_none or look.replayed.forecaster.fault,
        "rule": {
            "gain": look.rule.gain, "min": look.rule.least, "confirm": look.rule.confirm,
            "target": look.rule.target,
            "stopped": None if stopped is None else
            {"i": stopped.i, "reason": stopped.verdict, "saved": stopped.saved,
             "lost": stopped.lost},
        },
        "forecasts": [_numbers(one) for one in look.replayed.forecasts],
    }  # fmt: skip


def _numbers(one: Forecast) -> dict[str, Any]:
    return {
        "i": one.i, "value": one.value, "low": one.low, "high": one.high, "gain": one.gain,
        "drift": one.drift, "provisional": one.provisional, "a": one.law.a, "b": one.law.b,
        "c": one.law.c, "layer": one.layer, "x": one.x,
    }  # fmt: skip
