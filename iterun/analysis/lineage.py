"""Which run came from which: forks below the runs that they branched off, as one list to draw."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from iterun.analysis.numbers import setting

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from iterun.store.rows import Row


@dataclass(eq=False)
class Node:
    """A run in the tree, or the place of one that is gone."""

    id: str
    row: Row | None = None  #: None: it is gone
    parent: str | None = None  #: the id in its record
    iteration: int | None = None  #: where it branched off
    changes: dict[str, Any] = field(default_factory=dict)  #: setting -> [old, new]
    depth: int = 0
    rails: tuple[bool, ...] = ()  #: of each level above it: whether more of that level follows
    is_cycle: bool = False  #: its record says that it comes from one of its own forks
    above: Node | None = None  #: the parent
    forks: list[Node] = field(default_factory=list)

    @property
    def stamp(self) -> float:
        """When it was begun; of one that is gone, when its newest fork was."""
        if self.row is not None:
            return float(self.row.stamp)
        return max((fork.stamp for fork in self.forks), default=0.0)


def family(rows: Sequence[Row], wanted: Collection[str] | None = None) -> list[Node]:
    """Trees of runs, the newest first, each from its root on, forks by iteration.

    Args:
        rows: all runs there are.
        wanted: paths of runs whose whole families are shown; None: every family of two and more.
    """
    nodes = [_node(row) for row in rows]
    roots = _joined(nodes)
    roots += _in_cycles(nodes, roots)
    roots.sort(key=lambda node: (-node.stamp, node.id))
    shown = [tree for root in roots if _is_wanted(tree := list(_walk(root)), wanted)]
    return [node for tree in shown for node in tree]


def change(pair: Any) -> str:
    """[old, new] as "old → new"; whatever else stands there as it is."""
    if not isinstance(pair, list) or len(pair) != 2:
        return setting(pair)
    return f"{setting(pair[0])} → {setting(pair[1])}"


def _node(row: Row) -> Node:
    parent = row.parent or {}
    changes, iteration = parent.get("changes"), parent.get("iteration")
    return Node(
        row.id, row, str(parent["run"]) if parent.get("run") is not None else None,
        iteration if isinstance(iteration, int) else None,
        changes if isinstance(changes, dict) else {},
    )  # fmt: skip


def _joined(nodes: Sequence[Node]) -> list[Node]:
    """Hang every fork below its parent; the roots, those that are gone with them."""
    known: dict[str, Node] = {}
    roots = []
    for node in nodes:
        known.setdefault(node.id, node)
    for node in nodes:
        if node.parent is None:
            roots.append(node)
            continue
        if node.parent not in known:
            known[node.parent] = gone = Node(node.parent)
            roots.append(gone)
        node.above = known[node.parent]
        node.above.forks.append(node)
    return roots


def _in_cycles(nodes: Sequence[Node], roots: Sequence[Node]) -> Iterator[Node]:
    """Of runs that no root leads to, the oldest of each circle, its link to the parent cut."""
    seen = {id(node) for root in roots for node in _walk(root)}
    for node in sorted(nodes, key=lambda node: (node.stamp, node.id)):
        if id(node) not in seen:
            if node.above is not None:
                node.above.forks.remove(node)
            node.is_cycle = True
            seen.update(id(one) for one in _walk(node))
            yield node


def _walk(root: Node) -> Iterator[Node]:
    """The tree below a root, parents first; sets depth and rails."""
    waiting: list[tuple[Node, int, tuple[bool, ...]]] = [(root, 0, ())]
    while waiting:
        node, depth, rails = waiting.pop()
        node.depth, node.rails = depth, rails
        yield node
        forks = sorted(node.forks, key=lambda fork: (fork.iteration or 0, fork.stamp, fork.id))
        for n, fork in reversed(list(enumerate(forks))):
            waiting.append((fork, depth + 1, (*rails, n < len(forks) - 1)))


def _is_wanted(tree: Sequence[Node], wanted: Collection[str] | None) -> bool:
    if wanted is None:
        return len(tree) > 1
    return any(node.row is not None and str(node.row.path) in wanted for node in tree)
