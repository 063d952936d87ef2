"""A plot as a PNG, SVG or PDF, drawn by matplotlib without a window.

Lines differ in colour, dashes and marks, so that they are told apart in grey print and by those who
see few colours (the palette is Okabe and Ito's, 2008). Names are data: no mathematics is read from
them.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from iterun.analysis.numbers import count
from iterun.analysis.plotted import ITERATION, Detail
from iterun.cli import ticks
from iterun.cli.text import clean
from iterun.errors import DiskError
from iterun.store import disk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from iterun.analysis.plotted import Line, Panel, Plot
    from iterun.cli.look import Look

DETAIL = Detail(points=200, lines=12)
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_DARK_COLORS = ("#56B4E9", "#E69F00", "#2BB88F", "#E39CC4", "#F0E442", "#5C9CE6", "#F2F2F2")
_DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)))
#: of a law: round dots far apart, as no line has them
_AHEAD: dict[str, Any] = {
    "linestyle": (0, (0.1, 2.5)), "linewidth": 1.8, "dash_capstyle": "round",
}  # fmt: skip
_ANY = "#808080"  #: of what stands for any line
_BAND_AHEAD: dict[str, Any] = {"alpha": 0.12, "linewidth": 0}
_MARKS = "osD^vPX*<>"
_STYLES = {"light": ("white", "#222222", "#D9D9D9"), "dark": ("#16181D", "#DDDDDD", "#3A3D45")}
_DPI = 200
_WIDEST_INSIDE = 28  #: characters of a label for which a legend has room inside the axes
_MOST_INSIDE = 6  #: lines of such a legend
_MOST_SPARE = 14  #: lines of one in a free panel
_MOST_LISTED = 30  #: lines of any legend
_LONGEST = 60  #: characters of a label
_LARGEST, _SMALLEST = 1e300, 1e-300
_MARKED = 8  #: marks on a line
#: how the end of a name tells the unit
_UNITS = {"_ms": "ms", "_us": "µs", "_mb": "MB", "_gb": "GB", "_s": "s", "_seconds": "s",
          "_bytes": "bytes"}  # fmt: skip
_WHOLE = {"seconds": "seconds since the beginning"}


def save(plot: Plot, look: Look) -> None:
    """Write the picture beside, then rename it: a reader never sees half of one.

    Raises:
        DiskError: it can't be written.
    """
    _tame(plot)
    kind = look.file.suffix.lower().removeprefix(".")

    def write(part: Path) -> None:
        with _settings(look.style):
            drawn = figure(plot, look)
            drawn.savefig(
                part, format=kind, dpi=_DPI, facecolor=drawn.get_facecolor(),
                metadata={"Date": None} if kind == "svg" else None, bbox_inches="tight",
            )  # fmt: skip

    try:
        disk.save_beside(look.file, write)
    except OSError as error:
        raise DiskError(
            f"{look.file} can't be written: {(error.strerror or str(error)).lower()}",
            hint="free space, or write elsewhere with --out",
        ) from error


def _tame(plot: Plot) -> None:
    """Leave out, and tell, what matplotlib's own arithmetic overflows at."""
    lost = 0
    for panel in plot.panels:
        for line in panel.lines:
            wild = _is_wild(line.x) | _is_wild(line.y)
            lost += int((wild & np.isfinite(line.x) & np.isfinite(line.y)).sum())
            line.x, line.y, line.low, line.high = (
                np.where(wild, np.nan, values) for values in (line.x, line.y, line.low, line.high)
            )
    if lost:
        plot.remarks.append(f"{count(lost, 'point')} beyond 1e±300 left out of the picture")


def _is_wild(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (np.abs(values) > _LARGEST) | (
        (values != 0) & (np.abs(values) < _SMALLEST)
    )
    return found


@contextmanager
def _settings(style: str) -> Iterator[None]:
    """Colours and type for one picture."""
    import matplotlib as mpl

    paper, ink, rule = _STYLES[style]
    settings = {
        "figure.facecolor": paper, "axes.facecolor": paper, "savefig.facecolor": paper,
        "text.color": ink, "axes.labelcolor": ink, "axes.edgecolor": ink, "axes.titlecolor": ink,
        "xtick.color": ink, "ytick.color": ink, "grid.color": rule, "legend.facecolor": paper,
        "legend.edgecolor": rule, "font.size": 9, "axes.titlesize": 10, "lines.linewidth": 1.5,
        "axes.spines.top": False, "axes.spines.right": False, "axes.unicode_minus": False,
        "svg.fonttype": "none", "svg.hashsalt": "iterun", "pdf.fonttype": 42,
        "text.parse_math": False, "text.usetex": False,
    }  # fmt: skip
    with mpl.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        yield


def figure(plot: Plot, look: Look) -> Figure:
    """The drawing, a panel a metric; inside `_settings`."""
    from matplotlib.figure import Figure

    labels = plot.labels
    is_inside = len(labels) <= _MOST_INSIDE and max(map(len, labels)) <= _WIDEST_INSIDE
    across = 1 if len(plot.panels) == 1 else 2
    down = -(-len(plot.panels) // across)
    is_beside = not (is_inside and len(plot.panels) == 1) and across * down == len(plot.panels)
    width = 4.0 * across + (1.0 if across == 1 else 0.0) + (2.0 if is_beside else 0.0)
    drawn = Figure(figsize=look.size or (width, 3.2 * down), layout="constrained")
    axes = drawn.subplots(down, across, squeeze=False).ravel()
    handles: dict[str, Any] = {}
    for panel, ax in zip(plot.panels, axes, strict=False):
        _panel(ax, plot, panel, handles, look.style)
    for ax in axes[len(plot.panels) :]:
        ax.set_axis_off()
    is_named = len(labels) > 1 or plot.panels[0].lines[0].label != plot.panels[0].metric
    if is_named or plot.law_label:
        spare = axes[len(plot.panels)] if len(axes) > len(plot.panels) else None
        inside = axes[0] if is_inside and len(plot.panels) == 1 else None
        _legend(drawn, handles, plot.law_label, inside=inside, spare=spare)
    return drawn


def _panel(ax: Axes, plot: Plot, panel: Panel, handles: dict[str, Any], style: str) -> None:
    labels, groups = plot.labels, plot.groups
    for line in panel.lines:
        found = _line(ax, line, labels.index(line.label), groups.index(line.group), style)
        handles.setdefault(line.label, found)
    ax.set_xlabel(_text(_WHOLE.get(plot.x, axis_name(plot.x))))
    ax.set_ylabel(_text(axis_name(panel.metric)))
    if panel.goal:
        better = f"{'lower' if panel.goal == 'min' else 'higher'} is better"
        ax.set_title(better, loc="right", fontsize=8, alpha=0.7)
    ax.grid(visible=True, linewidth=0.6)
    ax.set_axisbelow(True)
    ax.margins(x=0.01)
    if any(_is_drawn(line, plot) for line in panel.lines):  # else matplotlib refuses
        _scale(ax, plot)


def _is_drawn(line: Line, plot: Plot) -> bool:
    """Whether a point of it stands on the axes."""
    has = np.isfinite(line.y) & ((line.y > 0) | (not plot.log_y))
    return bool((has & ((line.x > 0) | (not plot.log_x))).any())


def _line(ax: Axes, line: Line, number: int, group: int, style: str) -> Any:
    """One line with marks here and there, not at the same places as those of the others."""
    colors = _COLORS if style == "light" else _DARK_COLORS
    color = colors[group % len(colors)]
    every = max(1, len(line.x) // _MARKED)
    y = np.where(np.isfinite(line.y), line.y, np.nan)
    (found,) = ax.plot(
        line.x, y, color=color, linestyle=_DASHES[number % len(_DASHES)],
        marker=_MARKS[number % len(_MARKS)], markersize=4,
        markevery=(number * max(1, every // 4) % every, every),
    )  # fmt: skip
    x, low, high = line.band
    if len(x):
        ax.fill_between(x, low, high, color=color, alpha=0.2, linewidth=0)
    if line.ahead is not None:
        x, y, low, high = line.ahead[:4]
        ax.plot(x, y, color=color, **_AHEAD)
        ax.fill_between(x, low, high, color=color, **_BAND_AHEAD)
    return found


def _scale(ax: Axes, plot: Plot) -> None:
    """Logarithmic axes with plain numbers at their ticks."""
    if plot.x == ITERATION and not plot.log_x:
        from matplotlib.ticker import MaxNLocator

        ax.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True))
    for axis, is_log in ((ax.xaxis, plot.log_x), (ax.yaxis, plot.log_y)):
        if not is_log:
            continue
        (ax.set_xscale if axis is ax.xaxis else ax.set_yscale)("log", nonpositive="mask")
        low, high = sorted(axis.get_view_interval())
        marks = ticks.logarithmic(low, high, 7)
        axis.set_ticks(marks, labels=ticks.labels(marks))
        axis.set_ticks([], minor=True)


def _legend(
    drawn: Figure, handles: dict[str, Any], law: str, *, inside: Axes | None, spare: Axes | None
) -> None:
    """Inside the axes where it is small; in a free panel; else beside all panels."""
    shown = list(handles)[:_MOST_LISTED]
    texts = [_text(label) for label in shown]
    if len(handles) > len(shown):
        texts[-1] = f"and {len(handles) - len(shown) + 1} more"
    lines = [handles[label] for label in shown]
    if law:
        lines, texts = [*lines, _law_handle()], [*texts, law]
    look: dict[str, Any] = {"fontsize": 8, "handlelength": 3.5}
    if inside is not None:
        inside.legend(lines, texts, framealpha=0.85, **look)
    elif spare is not None and len(shown) <= _MOST_SPARE:
        spare.legend(lines, texts, loc="center", frameon=False, **look)
    else:
        drawn.legend(lines, texts, loc="outside right upper", frameon=False, **look)


def _law_handle() -> Any:
    """Of the laws of all lines: dots on a band, in no line's colour."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    return Patch(facecolor=_ANY, **_BAND_AHEAD), Line2D([], [], color=_ANY, **_AHEAD)


def axis_name(name: str) -> str:
    """A metric as an axis says it: the unit that its name bears stands behind it."""
    for end, unit in _UNITS.items():
        if name.endswith(end) and name != end and "_per_" not in name:
            return f"{name.removesuffix(end)} ({unit})"
    return "seconds an iteration" if name == "seconds" else name


def _text(text: str) -> str:
    """As it may stand in a picture."""
    text = clean(text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
