"""Heads and channels of a model's blocks: what is pruned together, and how it is switched off.

    heads      rows of q, k, v and columns of o (out_proj); with grouped queries a unit is one
               key/value head with all query heads that read it
    channels   rows of fc1 and columns of fc2; rows of gate and up and columns of down

A unit that is switched off gives exactly 0: its rows' outputs, bias and all, are masked.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import torch

from iterun.errors import ConfigError
from iterun.models.blocks import family, find_blocks, prunable, prunable_weights
from iterun.ops.structured import Along, matrix_mask

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torch import Tensor, nn

Kind = Literal["heads", "channels"]
#: of each family: layers whose rows, then the one whose columns belong to a unit
MEMBERS: Mapping[str, Mapping[Kind, tuple[str, ...]]] = {
    "opt": {
        "heads": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj"),
        "channels": ("fc1", "fc2"),
    },
    "llama": {
        "heads": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"),
        "channels": ("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"),
    },
}
PROTECTED = 0.1  # of the blocks, from the first on; and the last one


@dataclass(frozen=True)
class Member:
    """A matrix's part in a group."""

    layer: str  #: full name in the model
    along: Along
    size: int  #: rows or columns of one unit


@dataclass(frozen=True)
class Group:
    """All heads, or all channels, of one block."""

    block: int
    kind: Kind
    n: int  #: units
    members: tuple[Member, ...]

    @property
    def name(self) -> str:
        return f"{self.block}.{self.kind}"


def find_groups(module: Any) -> list[Group]:
    """Two groups for each block, in order.

    Raises:
        ConfigError: no blocks of a known structure, or heads that don't divide their matrices.
    """
    found = []
    for b, (name, block) in enumerate(find_blocks(module).items()):
        linears = prunable(block)
        for kind, layers in MEMBERS[family(block) or ""].items():
            *rows, last = layers
            n = linears[rows[0]].out_features
            if kind == "heads":
                n = _n_key_heads(module.config, linears[layers[1]], f"{name}.{layers[1]}")
            members = [
                Member(f"{name}.{row}", "rows", linears[row].out_features // n) for row in rows
            ]
            members.append(Member(f"{name}.{last}", "columns", linears[last].in_features // n))
            found.append(Group(b, kind, n, tuple(members)))
    return found


def head_dim(config: Any) -> int:
    """Rows of one head, as the model's config says."""
    given = getattr(config, "head_dim", None)
    return int(given or config.hidden_size // config.num_attention_heads)


def unprotected(groups: Sequence[Group]) -> list[Group]:
    """The groups that may be pruned: not those of the first tenth of the blocks and of the last.

    Raises:
        ConfigError: there are none.
    """
    n = 1 + max(group.block for group in groups)
    found = [group for group in groups if int(PROTECTED * n) <= group.block < n - 1]
    if not found:
        raise ConfigError(
            f"the model has {n} transformer block, the last, which is never pruned",
            hint="choose a model of at least 2 blocks; model=opt-mini has 4",
        )
    return found


class Gates:
    """Masks on what comes out of the rows of units: y = m ⊙ (W x + b), in training and evaluation.

    Args:
        module: gets a hook on each layer whose rows belong to a unit, until `remove`.
        groups: those that may be pruned.
    """

    def __init__(self, module: nn.Module, groups: Sequence[Group]) -> None:
        self.kept: dict[str, Tensor] = {}  #: by group; bool, (units,), True = kept
        self._lines: dict[str, Tensor] = {}  # by layer that has a pruned unit; 1 = kept
        self._members = {group.name: group.members for group in groups}
        self._devices = {}
        self._handles = []
        for group in groups:
            self._devices[group.name] = weight_of(module, group.members[0]).device
            self.put(group.name, torch.ones(group.n, dtype=torch.bool))
            for member in rows_of(group):
                layer, hook = module.get_submodule(member.layer), partial(self._gate, member.layer)
                self._handles.append(layer.register_forward_hook(hook))

    def put(self, name: str, kept: Tensor) -> None:
        """Make this the mask of a group."""
        self.kept[name] = kept.to(self._devices[name])
        for member in self._members[name]:
            if kept.all():
                self._lines.pop(member.layer, None)
            elif member.along == "rows":
                self._lines[member.layer] = self.kept[name].repeat_interleave(member.size)

    def remove(self) -> None:
        """Take the hooks away; the masks are still to be read."""
        for handle in self._handles:
            handle.remove()

    def _gate(self, layer: str, _: nn.Module, args: Any, output: Tensor) -> Tensor:
        lines = self._lines.get(layer)
        return output if lines is None else output * lines.to(output.dtype)


def rows_of(group: Group) -> Iterator[Member]:
    """The members whose rows belong to the group's units."""
    return (member for member in group.members if member.along == "rows")


def weight_of(module: nn.Module, member: Member) -> Tensor:
    """A member's matrix, in an adapter or not."""
    layer: Any = module.get_submodule(member.layer)
    weight: Tensor = getattr(layer, "base", layer).weight
    return weight


def parameter_masks(
    module: nn.Module, groups: Sequence[Group], kept: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """What of the blocks' matrices and of pruned rows' biases is kept, by parameter name; bool.

    Args:
        module: without adapters.
        groups: those that may be pruned; matrices of other blocks are kept whole.
        kept: by group.
    """
    masks = {
        name: torch.ones((), dtype=torch.bool, device=weight.device).expand(weight.shape)
        for name, weight in prunable_weights(module).items()
    }
    for group in groups:
        for member in group.members:
            layer: Any = module.get_submodule(member.layer)
            units = kept[group.name].to(layer.weight.device)
            shape = tuple(layer.weight.shape)
            masks[f"{member.layer}.weight"] = matrix_mask(units, member.along, member.size, shape)
            if member.along == "rows" and layer.bias is not None:
                masks[f"{member.layer}.bias"] = units.repeat_interleave(member.size)
    return masks


def sparsity_rows(module: nn.Module, kept: Mapping[str, Tensor]) -> list[dict[str, Any]]:
    """A row of sparsity.json for each prunable matrix; it may be in an adapter.

    Args:
        module: the model.
        kept: by group; groups that are not there are whole.
    """
    rows = []
    for group in find_groups(module):
        dead = int((~kept[group.name]).sum()) if group.name in kept else 0
        for member in group.members:
            shape = weight_of(module, member).shape
            zeros = dead * member.size * shape[member.along == "rows"]
            row: dict[str, Any] = {"name": f"{member.layer}.weight"}
            row |= {"kind": member.layer.rpartition(".")[2], "block": group.block}
            row |= {"rows": shape[0], "columns": shape[1], "zeros": zeros}
            row |= {"sparsity": zeros / shape.numel(), "units": group.n, "units_pruned": dead}
            rows.append(row)
    return rows


def _n_key_heads(config: Any, keys: nn.Linear, name: str) -> int:
    size = head_dim(config)
    if keys.out_features % size:
        raise ConfigError(
            f"{name} has {keys.out_features} rows, which are not heads of {size}",
            hint="choose another model, as in model=opt-mini",
        )
    return keys.out_features // size
