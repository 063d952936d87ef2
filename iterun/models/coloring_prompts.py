"""What a model is asked about graph colorings: to give one, another one, or to judge one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterun.types import Message, Request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterun.data.graphs import Graph

    Turn = tuple[str, str]  # an answer, and the feedback on it

JUDGE = (
    "Is this right, so that no two connected vertices have the same color? Answer with a line "
    "`Verdict: right` or `Verdict: wrong`, and if it is wrong with a line `Edge: A-B` that names "
    "two connected vertices of the same color."
)
AGAIN = "Answer again, with one line `vertex: color` for each vertex."


@dataclass(frozen=True)
class Asked:
    """The request in structured form, for programs (Request.payload)."""

    graph: Graph
    answer: str = ""  #: the last one, as it was given
    feedback: str = ""  #: on it
    to_judge: bool = False  #: else to be colored


@dataclass(frozen=True, kw_only=True)
class Prompts:
    """Requests, drawn as the settings say."""

    temperature: float  #: of colorings; verdicts are the likeliest ones
    constrained: bool  #: replies are held to the form that is asked for
    max_tokens: int  #: of a free reply

    def color(self, graph: Graph, turns: Sequence[Turn], seed: int, agent: str, i: int) -> Request:
        """A coloring; of the turns so far those that the model is to see."""
        messages = [Message(role="user", content=problem(graph))]
        for answer, feedback in turns:
            messages.append(Message(role="assistant", content=answer))
            messages.append(Message(role="user", content=f"{feedback} {AGAIN}"))
        choices: list[tuple[str, ...]] = []
        for v in range(graph.n):
            choices += [(f"{v}: " if v == 0 else f"\n{v}: ",), graph.color_names]
        return Request(
            messages=tuple(messages),
            max_tokens=self.max_tokens,
            temperature=self.temperature,
            seed=seed,
            choices=tuple(choices) if self.constrained else None,
            payload=Asked(graph, *(turns[-1] if turns else ())),
            tag={"agent": agent, "instance": graph.name, "round": i},
        )

    def judge(
        self, graph: Graph, answer: str, seed: int, agent: str, i: int, *, edge: bool = True
    ) -> Request:
        """A verdict on an answer, with an edge that it breaks if `edge` is wanted."""
        edges = tuple(f"{u}-{v}" for u, v in graph.edges)
        held: tuple[tuple[str, ...], ...] = (("Verdict: ",), ("right", "wrong"))
        if edge:
            held = (*held, ("\nEdge: ",), (*edges, "none"))
        return Request(
            messages=(
                Message(role="user", content=problem(graph)),
                Message(role="assistant", content=answer),
                Message(role="user", content=JUDGE),
            ),
            max_tokens=self.max_tokens,
            temperature=0.0,
            seed=seed,
            choices=held if self.constrained else None,
            payload=Asked(graph, answer, to_judge=True),
            tag={"agent": agent, "instance": graph.name, "round": i},
        )


def problem(graph: Graph) -> str:
    """The first prompt. What all problems share comes first: models compute it once."""
    near = {u: [str(v) for w, v in graph.edges if w == u] for u in range(graph.n)}
    edges = "\n".join(f"Vertex {u} is connected to {_listed(vs)}." for u, vs in near.items() if vs)
    return (
        f"Give each vertex of a graph one of the colors {', '.join(graph.color_names)}, so that no "
        "two connected vertices have the same color. Answer with one line `vertex: color` for each "
        f"vertex, as in `0: {graph.color_names[0]}`.\n"
        f"The vertices are 0 to {graph.n - 1}.\n{edges}"
    )


def _listed(names: Sequence[str]) -> str:
    """As in "2, 3 and 4"."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
