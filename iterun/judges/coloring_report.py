"""What a whole run of colorings comes to: intervals, paired differences, pass@k, pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iterun.judges.coloring_chains import EXTERNAL
from iterun.ops.attempts import mean_pass_at_k, wilson
from iterun.ops.stats import paired

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure

    from iterun.judges.coloring_chains import Chain


@dataclass(frozen=True)
class Report:
    """Of the chains as they ended."""

    chains: Mapping[str, Sequence[Chain]]
    curves: Sequence[Mapping[str, float]]  #: solved_frac_<arm> and chance_<arm> by round
    main: str

    def figures(self) -> dict[str, Any]:
        """solved_ci by arm, differences over graphs with their intervals, pass_at_k, attempts."""
        found: dict[str, Any] = {
            "solved_ci": {
                arm: list(wilson(sum(chain.solved for chain in chains), len(chains)))
                for arm, chains in self.chains.items()
            },
            "differences": self._differences(),
        }
        if "best_of_k" in self.chains:
            found["pass_at_k"] = self._pass_at_k()
        return found

    def drawn(self, title: str) -> Figure:
        """The share solved by round; best_of_k as pass@k of all its answers."""
        from iterun.ops.coloring_figures import solved_curves

        curves = {arm: self._curve(f"solved_frac_{arm}") for arm in self.chains}
        if curves.pop("best_of_k", None):
            curves["best_of_k: pass@k"] = self._pass_at_k()
        one, many = self._curve("chance_direct"), self._curve(f"chance_{self._verified()}")
        chance = {"chance, one guess": one, "chance, verified": many if many != one else []}
        return solved_curves(curves, {name: ys for name, ys in chance.items() if ys}, title)

    def before_and_after(self, title: str) -> Figure:
        """The first graph that the main arm solved after round 0, else the first graph."""
        from iterun.ops.coloring_figures import colored_graphs

        pairs = list(zip(self.chains["direct"], self.chains[self.main], strict=True))
        solved = [pair for pair in pairs if pair[1].solved and not pair[0].solved]
        before, after = (solved or pairs)[0]
        graph = before.graph
        words = {
            name: None if it.current is None else [graph.color_names[c] for c in it.current]
            for name, it in (
                (f"{graph.name}, round 0: direct", before),
                (f"{graph.name}, round {len(after.right) - 1}: {self.main}", after),
            )
        }
        return colored_graphs(graph.n, graph.edges, words, title)

    def _differences(self) -> dict[str, Any]:
        """Between arms with as many answers, graph by graph; intervals by Student's t."""
        external = [arm for arm in self.chains if arm.startswith(EXTERNAL)]
        pairs = [(arm, "best_of_k") for arm in external if "best_of_k" in self.chains]
        if {"external_first", "external_passfail"} <= set(external):
            pairs.append(("external_first", "external_passfail"))
        found = {}
        for a, b in pairs:
            held = paired(*([float(chain.solved) for chain in self.chains[arm]] for arm in (a, b)))
            found[f"{a} - {b}"] = {
                "difference": held.difference, "low": held.low, "high": held.high,
            }  # fmt: skip
        return found

    def _pass_at_k(self) -> list[float]:
        """pass@1, pass@2, ... of all answers of best_of_k, that of round 0 included."""
        attempts = [chain.right for chain in self.chains["best_of_k"]]
        return [mean_pass_at_k(attempts, k) for k in range(1, min(map(len, attempts)) + 1)]

    def _curve(self, name: str) -> list[float]:
        return [row[name] for row in self.curves if name in row]

    def _verified(self) -> str:
        """An arm whose answers are verified."""
        return next((a for a in self.chains if a not in ("direct", "self")), "direct")
