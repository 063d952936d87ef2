"""What a pruning run measures of its model: zeros, perplexities, what retraining gave back."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from iterun.ops.figures import layer_sparsity, perplexity_curve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure


@dataclass
class PruningReport:
    """Numbers of one run; its state goes into checkpoints."""

    n_prunable: int  #: entries of the matrices that may be pruned
    n_parameters: int  #: of the whole dense model
    rows: list[dict[str, Any]] = field(default_factory=list)  #: of sparsity.json, one a matrix
    nll: dict[str, float] = field(default_factory=dict)  #: mean loss of dense, pruned, final; nats
    history: list[tuple[int, float]] = field(default_factory=list)  #: (iteration, mean loss)

    def add_rows(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Take in pruned matrices; the rows of an earlier pruning are replaced."""
        known = {row["name"]: row for row in self.rows}
        self.rows = list((known | {row["name"]: dict(row) for row in rows}).values())

    def measures(self, i: int, nll: float | None) -> dict[str, float]:
        """Sparsity so far and, where it was measured, the perplexity of iteration i.

        `sparsity` is zeros by prunable entries, `sparsity_total` by all parameters.
        """
        zeros = sum(row["zeros"] for row in self.rows)
        found = {"sparsity": zeros / self.n_prunable, "sparsity_total": zeros / self.n_parameters}
        if nll is None:
            return found
        self.history.append((i, nll))
        return {"ppl": perplexity_of(nll)} | found

    def trainable(self, n: int) -> dict[str, float]:
        """How many parameters are trained, and their share of all, per cent."""
        return {"trainable": n, "trainable_pct": 100 * n / self.n_parameters}

    def result(self) -> dict[str, float]:
        """Perplexities and what was recovered.

        recovered = (log pruned - log final) / (log pruned - log dense), of perplexities.
        """
        found = {f"ppl_{name}": perplexity_of(nll) for name, nll in self.nll.items()}
        if self.nll.keys() >= {"pruned", "final"}:
            lost = self.nll["pruned"] - self.nll["dense"]
            if lost and math.isfinite(lost):
                found["recovered"] = (self.nll["pruned"] - self.nll["final"]) / lost
        return found

    def figures(self) -> dict[str, Figure]:
        """The pictures by file name."""
        levels = {name: perplexity_of(v) for name, v in self.nll.items() if name != "final"}
        points = [(i, perplexity_of(nll)) for i, nll in self.history]
        return {
            "sparsity.png": layer_sparsity(self.rows),
            "perplexity.png": perplexity_curve(points, levels),
        }

    def state(self) -> dict[str, Any]:
        return {"rows": self.rows, "nll": self.nll, "history": self.history}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.rows, self.nll, self.history = state["rows"], state["nll"], state["history"]


def perplexity_of(nll: float) -> float:
    """exp; infinite where it overflows, NaN stays NaN."""
    return math.inf if nll > 709 else math.exp(nll)
