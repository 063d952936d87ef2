"""`iterun plot`: curves in the terminal, as a picture, or as a table of their points."""

from __future__ import annotations

import os
import shutil
from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

from iterun.cli import look as looks
from iterun.cli import picked
from iterun.cli.console import Screen, Span, err, out
from iterun.errors import ConfigError, StoreError, nearest
from iterun.store import paths
from iterun.store.index import Index

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterun.analysis.plotted import Detail, Plot
    from iterun.cli.picked import Picked

_AXES = ("iteration", "seconds")
_MOST_NAMES = 12  #: metrics that a hint lists
_PIPED = 100  #: cells of a line when nobody says how wide the reader's screen is
_LEAST, _MOST = 3, 500  #: rows of a panel that can be asked for
_HEIGHTS = (8, 20)  #: rows of a panel: at least, at most
_PIPED_HEIGHT = 16
_MISTYPED = 0.75  #: similarity from which on a word is an id with two characters wrong
_BESIDE = 6  #: rows of a panel's title and axis, and of the next prompt


class Wanted(NamedTuple):
    """What to draw."""

    words: Sequence[str]  #: runs, conditions, metrics
    metrics: Sequence[str]  #: that are metrics for sure
    x: str
    each: bool
    log_x: bool
    log_y: bool
    ahead: bool = False  #: the forecast of each line


def show(
    wanted: Wanted,
    *,
    outputs: str | None,
    height: int | None = None,
    file: str | None = None,
    style: str = "light",
    size: str | None = None,
    form: str = "",
) -> None:
    """Draw runs.

    Args:
        wanted: which, and how.
        outputs: the folder with the runs; None: where they are by default.
        height: rows of a panel; None: what the terminal has.
        file: a picture instead.
        style: of the picture: "light" or "dark".
        size: of the picture: inches, as "6x4"; None: as many as suit it.
        form: "csv" or "json": the points instead.

    Raises:
        StoreError: a run can't be found or read.
        ConfigError: a metric that no run has, nothing to draw, or a file that can't be written.
    """
    if height is not None and not _LEAST <= height <= _MOST:
        raise ConfigError(
            f"--height {height}: a panel has {_LEAST} to {_MOST} rows", hint="as in --height 20"
        )
    if file is None and (size, style) != (None, "light"):
        raise ConfigError("--style and --size are of a picture", hint="add --out plot.png")
    look = looks.look(file, style, size) if file is not None else None
    if form:  # the points are the same on any axis
        wanted = wanted._replace(log_x=False, log_y=False)
    plot = read(wanted, outputs=outputs, detail=None if form else _detail(look))
    if form:
        from iterun.cli import points

        points.write(out(), plot, form)
        if wanted.ahead and form == "csv":
            plot.remarks.append("--csv has the points alone: forecasts are in --json")
    elif look is not None:
        from iterun.cli import picture

        picture.save(plot, look)
        out().line(str(look.file))
    else:
        from iterun.cli import terminal_plot

        screen = out()
        screen.width = _columns(screen)
        terminal_plot.show(screen, plot, rows=height or _rows(screen, plot))
        screen.stream.flush()
    for remark in plot.remarks:
        err().line(Span("note: ", "warn"), remark)


def _detail(look: looks.Look | None) -> Detail:
    if look is not None:
        from iterun.cli import picture

        return picture.DETAIL
    from iterun.cli import terminal_plot

    return terminal_plot.DETAIL


def read(wanted: Wanted, *, outputs: str | None, detail: Detail | None = None) -> Plot:
    """The lines to draw.

    Args:
        wanted: which, and how.
        outputs: the folder with the runs; None: where they are by default.
        detail: of the bands; None: an interval at each iteration.

    Raises:
        StoreError: a run can't be found or read.
        ConfigError: a metric that no run has, or nothing to draw.
    """
    from iterun.analysis import foresight, log_axes, plotted

    with Index(paths.outputs_root(outputs)) as index:
        found, metrics = _told_apart(index, wanted)
    rows = [run.row for run in found]
    if not metrics and not any(row.objective for row in rows):
        raise ConfigError(
            "these runs have no objective: say which metric to plot", hint=_they_have(found)
        )
    until = {run.row.id: run.iteration for run in found if run.iteration is not None}
    plot = plotted.plot(rows, metrics, x=wanted.x, each=wanted.each, until=until, detail=detail)
    if wanted.ahead:
        foresight.add(plot, rows)
    return _with_lines(log_axes.on_log_axes(plot, x=wanted.log_x, y=wanted.log_y))


def _told_apart(index: Index, wanted: Wanted) -> tuple[list[Picked], list[str]]:
    """The runs and the metrics among the words; without a run, the newest one."""
    faults: dict[str, StoreError] = {}  # of words that name no run
    runs = []
    for word in wanted.words:
        try:
            if not picked.is_condition(word):
                index.resolve(word)
            runs.append(word)
        except StoreError as error:
            faults[word] = error
    found = picked.runs(index, runs or ["@-1"])
    for word in faults:
        if not _is_known(word, found):
            raise _neither(index, word, faults[word], found)
    for word in runs:
        if not picked.is_condition(word) and _is_known(word, found):
            raise ConfigError(
                f"{word!r} is a run and a metric",
                hint=f"--metric {word} is the metric; for the run, type its id or its path",
            )
    for name in (*wanted.metrics, *([] if wanted.x in _AXES else [wanted.x])):
        if not _is_known(name, found):
            raise ConfigError(f"none of these runs has {name!r}", hint=_close(name, found))
    return found, list(dict.fromkeys([*wanted.metrics, *faults]))


def _names(found: Sequence[Picked]) -> list[str]:
    from iterun.analysis import curves

    return curves.names([run.row for run in found])


def _is_known(name: str, found: Sequence[Picked]) -> bool:
    known = _names(found)
    place, _, rest = name.partition(".")
    return name in known or (place in ("metrics", "cost") and rest in known)


def _neither(
    index: Index, word: str, fault: StoreError, found: Sequence[Picked]
) -> StoreError | ConfigError:
    """The error for a word that is neither a run nor a metric."""
    if "may be" in fault.message:  # several runs
        return fault
    ids = get_close_matches(word, [row.id for row in index.rows()], n=1, cutoff=_MISTYPED)
    hint = f"did you mean {ids[0]}?" if ids else _close(word, found)
    return ConfigError(f"{word!r} is neither a run nor a metric of these runs", hint=hint)


def _close(name: str, found: Sequence[Picked]) -> str:
    close = nearest(name, _names(found))
    return f"did you mean {' or '.join(close)}?" if close else _they_have(found)


def _they_have(found: Sequence[Picked]) -> str:
    return f"they have {', '.join(_names(found)[:_MOST_NAMES])}"


def _with_lines(plot: Plot) -> Plot:
    """The plot without empty panels, which are told.

    Raises:
        ConfigError: all are empty.
    """
    empty = [panel.metric for panel in plot.panels if not any(len(p.i) for p in panel.lines)]
    plot.panels = [panel for panel in plot.panels if panel.metric not in empty]
    if not plot.panels:
        why = f"; {plot.remarks[-1]}" if plot.remarks else ""
        raise ConfigError(
            f"there is nothing to draw: no iteration of these runs has {', '.join(empty)}{why}",
            hint="`iterun watch` shows a run as it goes on",
        )
    plot.remarks += [f"no iteration has {metric}" for metric in empty]
    return plot


def _columns(screen: Screen) -> int:
    """Cells of a line: a pipe has no width of its own."""
    if screen.is_terminal or os.environ.get("COLUMNS", "").isdecimal():
        return screen.width
    return _PIPED


def _rows(screen: Screen, plot: Plot) -> int:
    """Rows of a panel, so that all of it is seen at once."""
    least, most = _HEIGHTS
    if not screen.is_terminal:
        return _PIPED_HEIGHT
    lines = shutil.get_terminal_size().lines
    beside = _BESIDE * len(plot.panels) + min(len(plot.labels), lines // 3)
    return min(max((lines - beside) // len(plot.panels), least), most)
