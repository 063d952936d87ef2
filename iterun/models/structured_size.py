"""What is left of a model whose heads and channels are pruned: parameters and operations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from torch import nn

from iterun.models.structured import Group, weight_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor


@dataclass
class Size:
    """Counts of one model; `of` gives those that are left under masks.

    Args:
        module: dense, without adapters.
        groups: those that may be pruned.
        length: tokens of the window whose operations are counted.
    """

    module: nn.Module
    groups: Sequence[Group]
    length: int
    n_parameters: int = field(init=False)  #: of the dense model, tied ones once
    n_flops: int = field(init=False)  #: of the matrix products of a window, attention's included

    def __post_init__(self) -> None:
        self.n_parameters = sum(p.numel() for p in self.module.parameters())
        linears = [layer for layer in self.module.modules() if isinstance(layer, nn.Linear)]
        products = 2 * self.length * sum(layer.weight.numel() for layer in linears)
        queries = sum(
            layer.out_features
            for name, layer in self.module.named_modules()
            if isinstance(layer, nn.Linear) and name.endswith(".q_proj")
        )
        self.n_flops = products + self._attention(queries)
        self._unit = {group.name: self._of_unit(group) for group in self.groups}

    def of(self, kept: Mapping[str, Tensor]) -> dict[str, float]:
        """`params` and the shares `params_pct` and `flops_pct` of the dense model, per cent."""
        parameters, flops = self.n_parameters, self.n_flops
        for name, units in kept.items():
            dead = int((~units).sum())
            parameters -= dead * self._unit[name][0]
            flops -= dead * self._unit[name][1]
        return {
            "params": parameters,
            "params_pct": 100 * parameters / self.n_parameters,
            "flops_pct": 100 * flops / self.n_flops,
        }

    def ratios(self, kept: Mapping[str, Tensor]) -> dict[str, float]:
        """Pruned heads and channels by all of the blocks that may be pruned."""
        found = {}
        for kind in ("heads", "channels"):
            masks = [kept[group.name] for group in self.groups if group.kind == kind]
            dead = sum(int((~units).sum()) for units in masks)
            found[f"ratio_{kind}"] = dead / sum(units.numel() for units in masks)
        return found

    def _of_unit(self, group: Group) -> tuple[int, int]:
        """Parameters and operations of one unit."""
        entries = biases = 0
        for member in group.members:
            layer = self.module.get_submodule(member.layer)
            is_rows = member.along == "rows"
            entries += member.size * weight_of(self.module, member).shape[is_rows]
            biases += member.size if is_rows and layer.bias is not None else 0
        flops = 2 * self.length * entries
        if group.kind == "heads":
            flops += self._attention(group.members[0].size)
        return entries + biases, flops

    def _attention(self, n_queries: int) -> int:
        """Scores and weighted values of so many query features, every token with every other."""
        return 4 * self.length**2 * n_queries
