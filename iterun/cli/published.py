"""Published figures below a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterun.analysis import numbers
from iterun.cli.console import Span
from iterun.cli.figures import count, value
from iterun.cli.tables import Column, table
from iterun.cli.text import clip

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iterun.analysis.published import Figure
    from iterun.cli.console import Screen

_MOST = 12  #: that are drawn


def draw(screen: Screen, figures: Sequence[Figure]) -> list[str]:
    """Published figures, apart from what was measured; what was left out."""
    shown = figures[:_MOST]
    screen.line()
    remark = "  in papers, not measured here"
    screen.line(Span("Published", "bold"), Span(clip(remark, screen.width - 9), "dim"))
    table(screen, columns(shown))
    remarks = []
    if len(figures) > len(shown):
        remarks.append(f"{len(shown)} of {count(len(figures), 'published figure')}; --json has all")
    return remarks


def columns(figures: Sequence[Figure]) -> list[Column]:
    """Value, what it is of, why it does not compare, source."""
    return [
        Column(head="metric", cells=[figure.metric for figure in figures]),
        Column(head="value", cells=[_range(figure) for figure in figures], right=True),
        Column(head="of", cells=[_of(figure.of) for figure in figures], least=14),
        Column(head="differs in", cells=[", ".join(f.differs) for f in figures], least=14),
        Column(head="source", cells=[figure.source for figure in figures], least=10),
    ]  # fmt: skip


def _range(figure: Figure) -> str:
    if figure.value is not None:
        return value(figure.value)
    low, high = ("" if x is None else value(x) for x in (figure.low, figure.high))
    return f"{low} to {high}".strip()


def _of(conditions: Mapping[str, Any]) -> str:
    """What tells figures apart comes first: the end may have no room."""
    names = sorted(conditions, key=lambda name: (name != "model", name != "arm"))
    return " ".join(f"{name}={numbers.setting(conditions[name])}" for name in names)
