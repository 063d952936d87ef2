"""What a run of lottery tickets tells of its levels: numbers, a table of tensors, pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from iterun.ops.figures import accuracy_by_density, mask_tiles

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

REMARKS = (
    "One seed tells no arm from another where they are this close: several seeds side by side are",
    "`iterun plot task=prune/lth --x remaining --logx`. On easy data, as the embedded digits are,",
    "rewinding to step 0 may do as well as to a later step.",
    "",
    "Pruned weights are stored as zeros, multiplied like others: nothing here is faster on a CPU.",
)
NO_ARMS = {"acc_dense", "acc_dev"}  # of the metrics that begin like arms of acc


@dataclass
class TicketReport:
    """The levels so far; its state goes into checkpoints."""

    shape: tuple[int, int, int]  #: of the pictures
    levels: list[dict[str, float]] = field(default_factory=list)  #: the metrics of each

    def add(self, metrics: Mapping[str, float]) -> Mapping[str, float]:
        self.levels.append(dict(metrics))
        return metrics

    def result(self) -> dict[str, float]:
        """The dense accuracy, and of each rewinding arm the sparsest level that matches it.

        `matching_sparsity` is the largest sparsity at which an arm is at least as accurate as the
        dense network, the dense one itself among them.
        """
        found = {"acc_dense": self.levels[0]["acc"]}
        for name in self._arms():
            if name.startswith("acc_k") or name == "acc":
                matching = [
                    level["sparsity"]
                    for level in self.levels
                    if level.get(name, -1.0) >= level["acc_dense"]
                ]
                found[f"matching_sparsity{name.removeprefix('acc')}"] = max(matching)
        return found

    def figures(self, masks: Mapping[str, Tensor], labels: Mapping[str, str]) -> dict[str, Any]:
        """The pictures by file name.

        Args:
            masks: the last ones, bool; the first is the first layer's.
            labels: of arms, by metric.
        """
        curves = {}
        for name in self._arms():
            points = [(level["remaining"], level[name]) for level in self.levels if name in level]
            curves[labels.get(name, name)] = points
        dense = self.levels[0]["acc"]
        first = next(iter(masks.values()))
        return {
            "accuracy.png": accuracy_by_density(curves, dense),
            "first_layer.png": mask_tiles(first.cpu().numpy(), self.shape),
        }

    def text(self, labels: Mapping[str, str]) -> str:
        """The levels as a Markdown table, and what they do not show.

        Args:
            labels: of arms, by metric.
        """
        arms = self._arms()
        head = ["level", "weights kept", *(labels.get(name, name) for name in arms)]
        lines = [f"| {' | '.join(head)} |", "|" + " --- |" * len(head)]
        for level in self.levels:
            cells = [f"{level[name]:.4f}" if name in level else "" for name in arms]
            kept = f"{100 * level['remaining']:.1f} %"
            lines.append(f"| {' | '.join([str(int(level['level'])), kept, *cells])} |")
        return "\n".join(["Test accuracy, one seed.", "", *lines, "", *REMARKS, ""])

    def _arms(self) -> list[str]:
        """The metrics that are test accuracies of arms, the own one first."""
        names = dict.fromkeys(name for level in self.levels for name in level)
        return [n for n in names if n == "acc" or (n.startswith("acc_") and n not in NO_ARMS)]


def rows(masks: Mapping[str, Tensor]) -> list[dict[str, Any]]:
    """Of sparsity.json: one a tensor; a convolution's columns are its inputs times its pixels."""
    found = []
    for name, mask in masks.items():
        zeros = mask.numel() - int(mask.count_nonzero())
        found.append(
            {
                "name": name,
                "kind": "linear" if mask.ndim == 2 else "convolution",
                "rows": mask.shape[0],
                "columns": mask[0].numel(),
                "zeros": zeros,
                "sparsity": zeros / mask.numel(),
            }
        )
    return found
