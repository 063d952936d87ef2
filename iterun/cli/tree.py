"""`iterun tree`: which run came from which, drawn."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from iterun.analysis import lineage
from iterun.cli import picked, words
from iterun.cli.console import Screen, Span, err, out
from iterun.cli.figures import value
from iterun.cli.formats import json_text
from iterun.cli.tables import SOON, Column, table
from iterun.cli.text import clean, clip

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from iterun.analysis.lineage import Node

_BESIDE = 56  #: cells that the other columns want; deeper levels lose their first rails
_LONGEST = 32  #: cells of an id
_GONE = "gone"
_UNICODE = ("├─", "└─", "│  ", "…")
_ASCII = ("|-", "`-", "|  ", "~")


def show(typed: Sequence[str], *, outputs: str | None, as_json: bool) -> None:
    """Draw the families of runs, or list them as JSON.

    Args:
        typed: runs, or conditions that runs fit; none: every family.
        outputs: the folder with the runs; None: where they are by default.
        as_json: one object a run instead, parents first.

    Raises:
        StoreError: a name is no run's.
        ConfigError: a condition can't be read, or no run fits.
    """
    from iterun.store import paths
    from iterun.store.index import Index

    folder = paths.outputs_root(outputs)
    with Index(folder) as index:
        named = [row.path for row in picked.whole(picked.runs(index, typed), "tree")]
        rows = index.rows()
    wanted = _as_listed(named, rows) if typed else None
    nodes = lineage.family(rows, wanted)
    if as_json:
        out().raw(json_text([_object(node) for node in nodes]) + "\n")
        return
    if not nodes:
        err().line(f"no run below {folder} is a fork yet")
        err().line(Span("hint: ", "accent"), "iterun fork RUN@7 task.KEY=VALUE makes one")
        return
    draw(out(), nodes, wanted or ())


def draw(screen: Screen, nodes: Sequence[Node], wanted: Sequence[str] | set[str]) -> None:
    """One line a run; those that were asked for are bold."""
    states = [node.row.state if node.row else _GONE for node in nodes]
    bold = ["bold" if _path(node) in wanted or not node.rails else "" for node in nodes]
    table(
        screen,
        [
            Column(head="run", cells=[_label(n, screen) for n in nodes], styles=bold),
            Column(head="system", cells=_systems(nodes), least=8, drop=2),
            Column(head="what changed", cells=[_changes(node) for node in nodes], least=16),
            Column(head="state", cells=states, styles=[words.STYLES.get(s, "dim") for s in states]),
            Column(head="objective", cells=[_objective(n) for n in nodes], style="accent"),
            Column(head="best", cells=[_best(node) for node in nodes], drop=SOON),
            Column(head="seed", cells=_seeds(nodes), right=True, drop=SOON + 1),
        ],
    )


def _as_listed(named: Sequence[Path], rows: Sequence[Any]) -> set[str]:
    """The paths as the index has them, however a run was named."""
    real = {os.path.realpath(path) for path in named}
    return {str(row.path) for row in rows if os.path.realpath(row.path) in real}


def _label(node: Node, screen: Screen) -> str:
    """Rails, the iteration where it branched off, and the id."""
    more, last, rail, cut = _UNICODE if screen.unicode else _ASCII
    name = clip(clean(node.id), _LONGEST)
    if not node.rails:
        return name
    above = node.rails[:-1]
    deepest = max(1, (screen.width - _BESIDE) // len(rail))
    drawn = "".join(rail if follows else "   " for follows in above[-deepest:])
    at = "@?" if node.iteration is None else f"@{node.iteration}"
    return (
        f"{cut} " if len(above) > deepest else ""
    ) + f"{drawn}{more if node.rails[-1] else last}{at} {name}"


def _changes(node: Node) -> str:
    if node.row is None:
        return ""
    if node.is_cycle:
        return f"its parent {node.parent} is a fork of it"
    said = [f"{key.removeprefix('task.')} {lineage.change(p)}" for key, p in node.changes.items()]
    return ", ".join(said) or ("nothing" if node.parent is not None else "")


def _systems(nodes: Sequence[Node]) -> list[str]:
    """A root's; all its forks have the same."""
    return [node.row.system if node.row and not node.rails else "" for node in nodes]


def _seeds(nodes: Sequence[Node]) -> list[str]:
    return ["" if node.row is None else str(node.row.seed) for node in nodes]


def _objective(node: Node) -> str:
    metric, last, _ = _measured(node)
    return "" if metric is None or last is None else f"{metric} {value(last)}"


def _best(node: Node) -> str:
    _, _, best = _measured(node)
    return "" if not best else f"{value(best['value'])} at {best['i']}"


def _measured(node: Node) -> tuple[str | None, Any, dict[str, Any] | None]:
    """The objective's name, its newest value, and {value, i} of its best."""
    if node.row is None or not node.row.objective:
        return None, None, None
    metric = str(node.row.objective["metric"])
    return metric, node.row.last.get(metric), node.row.best


def _path(node: Node) -> str:
    return str(node.row.path) if node.row else ""


def _object(node: Node) -> dict[str, Any]:
    metric, last, best = _measured(node)
    row = node.row
    return {
        "id": node.id, "parent": node.parent, "iteration": node.iteration, "depth": node.depth,
        "changes": node.changes, "state": row.state if row else _GONE,
        "system": row.system if row else None, "seed": row.seed if row else None,
        "metric": metric, "last": last, "best": best, "path": str(row.path) if row else None,
        "is_cycle": node.is_cycle,
    }  # fmt: skip
