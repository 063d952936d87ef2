"""Pictures of colored graphs, and curves of how many are right, as matplotlib figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterun.ops.figures import labelled_axes
from iterun.ops.pictures import STYLES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure

    Edges = Sequence[tuple[int, int]]

#: lighter than the words say, so that names can be read on them
SHADES = {
    "red": "#f4a3a0", "green": "#a8d5a2", "blue": "#a9c4eb", "black": "#8c8c8c", "navy": "#8fa0d0",
    "brown": "#c9a78a", "purple": "#cfa8d8", "magenta": "#f0a0e0", "olive": "#c3c37a",
    "gray": "#c8c8c8", "coral": "#ffb39c", "violet": "#eeaaee",
}  # fmt: skip
_LARGE = 40  # vertices: from here on a circle, without names


def solved_curves(
    curves: Mapping[str, Sequence[float]], chance: Mapping[str, Sequence[float]], title: str
) -> Figure:
    """The share solved by round, beside what guessing would solve.

    Args:
        curves: shares at rounds 0, 1, ... by name.
        chance: likewise.
        title: the model, and what it is.
    """
    figure, axes = labelled_axes("round", "share of the graphs solved")
    figure.set_size_inches(8, 4.5)
    for k, (name, shares) in enumerate(curves.items()):
        marker, line = STYLES[k % len(STYLES)]
        axes.plot(
            range(len(shares)), shares, marker=marker, linestyle=line, markersize=6,
            fillstyle="none", label=name,
        )  # fmt: skip
    for (name, shares), line in zip(chance.items(), ("-", "--"), strict=False):
        axes.plot(range(len(shares)), shares, color="0.55", linewidth=1, linestyle=line, label=name)
    axes.set_ylim(-0.03, 1.03)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_title(title, fontsize="small")
    axes.legend(fontsize="small", frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def colored_graphs(
    n: int, edges: Edges, colorings: Mapping[str, Sequence[str] | None], title: str
) -> Figure:
    """The same graph under several colorings side by side; violated edges are thick and dashed.

    Args:
        n: vertices.
        edges: between them.
        colorings: color words by vertex, by what stands above; None: no valid coloring.
        title: above all.
    """
    import networkx as nx
    from matplotlib.figure import Figure

    graph = nx.empty_graph(n)
    graph.add_edges_from(edges)
    place = nx.circular_layout(graph) if n > _LARGE else nx.kamada_kawai_layout(graph)
    figure = Figure(figsize=(4 * len(colorings), 4.2), dpi=120, layout="constrained")
    figure.suptitle(title, fontsize="small")
    row = figure.subplots(1, len(colorings), squeeze=False)[0]
    for axes, (name, words) in zip(row, colorings.items(), strict=True):
        _draw(axes, graph, place, words)
        axes.set_title(name, fontsize="small")
    return figure


def _draw(axes: Any, graph: Any, place: Any, words: Sequence[str] | None) -> None:
    import networkx as nx

    bad = [(u, v) for u, v in graph.edges if words is not None and words[u] == words[v]]
    good = [edge for edge in graph.edges if edge not in bad]
    nx.draw_networkx_edges(graph, place, edgelist=good, ax=axes, edge_color="0.4")
    nx.draw_networkx_edges(
        graph, place, edgelist=bad, ax=axes, edge_color="#c00000", width=3, style="dashed"
    )
    shades = ["white" if words is None else SHADES.get(words[v], words[v]) for v in graph]
    large = len(graph) > _LARGE
    nx.draw_networkx_nodes(
        graph, place, ax=axes, node_color=shades, edgecolors="0.2", node_size=60 if large else 900
    )
    if not large:
        names = {v: str(v) if words is None else f"{v}\n{words[v]}" for v in graph}
        nx.draw_networkx_labels(graph, place, labels=names, ax=axes, font_size=7)
    axes.margins(0.18)
    axes.set_axis_off()
