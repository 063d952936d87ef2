"""Every key once: what it does, in the footer and on the page of help."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from iterun.cli.console import PROSE, Span
from iterun.cli.text import width, wrap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterun.cli.ui.paper import Line, Paper


class Key(NamedTuple):
    """One key."""

    keys: str  #: as textual calls them, with commas between
    action: str
    shown: str  #: how it is written
    label: str  #: in the footer; empty: only on the page of help
    about: str


TABLE = (
    Key("slash,f", "filter", "/", "filter", "conditions as `iterun ls` takes them: task=prune/perp "
        "'sparsity>0.5' status=failed tag=best since=2d note~word; esc leaves it as it was"),
    Key("space", "mark", "space", "mark", "mark the run, or take its mark away; marks outlive "
        "filters"),
    Key("a", "mark_all", "a", "all", "mark all that are shown"),
    Key("u", "unmark", "u", "unmark", "take all marks away"),
    Key("enter", "open", "enter", "show", "the run whole, its iterations, its log"),
    Key("p", "plot", "p", "plot", "curves of the marked runs, or of the one under the cursor"),
    Key("c", "compare", "c", "compare", "the marked runs side by side, or all that are shown"),
    Key("s", "sort", "s", "sort", "choose what the runs are sorted by (or click on a head)"),
    Key("S", "turn", "S", "turn", "turn the order around"),
    Key("t", "tag", "t", "tag", "give tags and take them: best -draft; to the marked runs, or one"),
    Key("n", "note", "n", "note", "write a note on the run under the cursor"),
    Key("d,delete", "trash", "d", "trash", "move the marked runs, or one, to the trash; it asks"),
    Key("z", "restore", "z", "undo", "bring back what was moved to the trash last"),
    Key("y", "line", "y", "line", "show and copy the line that repeats the run"),
    Key("r", "reread", "r", "reread", "look at the folder now; while a run goes on it happens by "
        "itself"),
    Key("question_mark,f1", "help", "?", "keys", "this page"),
    Key("q,ctrl+c", "app.quit", "q", "quit", "leave"),
)  # fmt: skip
_BACK = Key("escape,q,backspace", "back", "esc", "back", "back to the table")
_AGAIN = Key("r", "again", "r", "redraw", "look again; while a run goes on it happens by itself")
SHOWN = (
    Key("tab", "view", "tab", "run/iterations/log", "the run, all its iterations, its log"),
    Key("right,right_square_bracket", "step(1)", "→", "next", "the next run of the table"),
    Key("left,left_square_bracket", "step(-1)", "←", "previous", "the run before"),
    _AGAIN, _BACK,
)  # fmt: skip
PLOTTED = (
    Key("m", "metric", "m", "metric", "choose what is plotted"),
    Key("l", "log_y", "l", "log y", "logarithmic y axis"),
    Key("L", "log_x", "L", "log x", "logarithmic x axis"),
    Key("x", "across", "x", "seconds", "over seconds instead of iterations, and back"),
    Key("e", "each", "e", "each run", "each run instead of the mean over seeds"),
    _AGAIN, _BACK,
)  # fmt: skip
COMPARED = (
    Key("g", "group", "g", "runs/settings", "every run by itself instead of means over seeds"),
    Key("m", "metric", "m", "all metrics", "every metric instead of the objective"),
    Key("b", "baseline", "b", "baseline", "test against the setting of the run under the cursor"),
    Key("f", "states", "f", "all states", "count unfinished and failed runs too"),
    _AGAIN, _BACK,
)  # fmt: skip
HELP = (_BACK,)
MOVES = (
    ("↑ ↓ j k", "one run up or down"), ("PgUp PgDn", "a screen up or down"),
    ("Home End", "the first, the last"),
)  # fmt: skip

_ASIDE = 14  #: cells of the keys beside what they do


_MORE = 6  #: rows for other things than keys: filter, status, head, three runs


def footer(keys: Sequence[Key], cells: int, rows: int) -> list[Line]:
    """The keys in as many lines as they need; on a low screen only the first ones."""
    lines: list[Line] = [[]]
    used = 0
    for key in keys:
        if not key.label:
            continue
        room = width(f"{key.shown} {key.label}")
        if used and used + room > cells:
            lines.append([])
            used = 0
        lines[-1] += [Span(key.shown, "head"), Span(f" {key.label}  ")]
        used += room + 2
    return lines[: max(rows - _MORE, 1)]


def page(paper: Paper) -> None:
    """All keys, each with what it does."""
    for title, keys in (
        ("Runs", TABLE), ("A run", SHOWN[:3]), ("A plot", PLOTTED[:5]),
        ("A comparison", COMPARED[:4]), ("Pages", (_AGAIN, _BACK)),
    ):  # fmt: skip
        paper.line(Span(title, "bold"))
        pairs = [*(MOVES if keys is TABLE else ()), *((k.shown, k.about) for k in keys)]
        for shown, about in pairs:
            for n, line in enumerate(wrap(about, max(min(paper.width, PROSE) - _ASIDE, 20))):
                paper.line(Span(f"  {shown if n == 0 else '':<{_ASIDE - 2}}", "head"), line)
        paper.line()
