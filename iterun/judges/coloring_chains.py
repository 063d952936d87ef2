"""What one way of asking has got for one graph: its answers, which one counts, what comes next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from iterun.judges.coloring import (
    Feedback,
    Verdict,
    feedback,
    format_feedback,
    judged,
    verified,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from iterun.data.graphs import Graph
    from iterun.judges.coloring import Colors

Critic = Literal["compare", "self", "external", "none"]
EXTERNAL = "external_"
SILENT = "The critique is empty."  # stands for one, so that an answer is asked for all the same
COMPARED = ("passfail", "first", "all")


def arms_of(critic: Critic, kind: Feedback) -> tuple[str, ...]:
    """The arms of a run; those of `compare` have the external critic of `kind` among them."""
    own = main_arm(critic, kind)
    if critic != "compare":
        return "direct", own
    external = [EXTERNAL + one for one in COMPARED]
    return "direct", "self", *dict.fromkeys([*external, own]), "best_of_k"


def main_arm(critic: Critic, kind: Feedback) -> str:
    """The arm that the bare metrics are of."""
    return {"self": "self", "none": "best_of_k"}.get(critic, EXTERNAL + kind)


@dataclass
class Chain:
    """The answers of one arm to one graph."""

    graph: Graph
    arm: str
    answer: str = ""  #: the last reply; empty if there was none
    said: str = ""  #: the feedback on it; empty where a critique is still to come
    past: list[tuple[str, str]] = field(default_factory=list)  #: answers and feedback before it
    current: tuple[int, ...] | None = None  #: the coloring that counts; None: no valid one yet
    right: list[bool] = field(default_factory=list)  #: of each reply, whether it was proper
    is_open: bool = True

    @property
    def verdict(self) -> Verdict | None:
        """Of the coloring that counts."""
        return None if self.current is None else verified(self.graph, self.current)

    @property
    def solved(self) -> bool:
        return (verdict := self.verdict) is not None and verdict.ok

    @property
    def given_up(self) -> bool:
        """Whether a right answer was at hand, and another one counts."""
        return any(self.right) and not self.solved

    @property
    def asks_for_critique(self) -> bool:
        return self.arm == "self" and self.is_open and bool(self.answer) and not self.said

    @property
    def asks_for_answer(self) -> bool:
        """Fresh ones go on being drawn; a critique that failed has to come first."""
        if self.arm in ("direct", "best_of_k"):
            return self.arm == "best_of_k"
        return self.is_open and not self.asks_for_critique

    @property
    def turns(self) -> list[tuple[str, str]]:
        """Answers and the feedback on them, as the next prompt shows them; fresh ones show none."""
        if self.arm == "best_of_k" or not self.answer:
            return []
        return [*self.past, (self.answer, self.said)]

    def take(
        self, text: str, *, whole_past: bool, draw: np.random.Generator
    ) -> tuple[Colors | None, Verdict]:
        """Note a reply, what counts now, and what is said of it; the reply's own verdict.

        Args:
            text: the reply.
            whole_past: whether prompts show all turns, not the last one alone.
            draw: of claims that are made up.
        """
        if whole_past:
            self.past = self.turns
        colors, verdict = judged(self.graph, text)
        self.answer, self.said = text, ""
        self.right.append(verdict.ok)
        if colors is None:
            self.said = format_feedback(verdict)
            return None, verdict
        before = self.verdict
        if self.arm != "best_of_k" or before is None or verdict.score > before.score:
            self.current = colors  # an external verifier picks the best of fresh answers
        if self.arm.startswith(EXTERNAL) and not verdict.ok:
            kind: Any = self.arm.removeprefix(EXTERNAL)
            self.said = feedback(kind, self.graph, colors, verdict, draw)
        if verdict.ok and self.arm not in ("direct", "self"):
            self.is_open = False
        return colors, verdict

    def hear(self, said: bool | None, text: str) -> list[str]:
        """Note the model's own critique, and what it did: stopped, false_accept, false_reject.

        Args:
            said: whether it calls the answer right; None: it does not say.
            text: of the critique.
        """
        if said:
            self.is_open = False
            return ["stopped"] if self.solved else ["stopped", "false_accept"]
        self.said = text or SILENT
        return ["false_reject"] if said is False and self.solved else []

    def miss(self) -> None:
        """Note that no reply came: everything else stays as it was."""
        self.right.append(False)

    def state(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("graph", "arm")}

    def restore(self, state: Mapping[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)


def counts(chains: Sequence[Chain], arm: str) -> dict[str, float]:
    """solved, solved_frac and violations_mean of an arm; the last over what has a valid answer."""
    n_solved = sum(chain.solved for chain in chains)
    found = {f"solved_{arm}": n_solved, f"solved_frac_{arm}": n_solved / len(chains)}
    wrong = [len(verdict.edges) for chain in chains if (verdict := chain.verdict) is not None]
    if wrong:
        found[f"violations_mean_{arm}"] = sum(wrong) / len(wrong)
    return found
