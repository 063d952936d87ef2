"""The sequential pass over a model's blocks: statistics, pruning, inputs of the next block.

    for block b = 0, 1, ...:                    X: the outputs of the pruned blocks before it
        gather   one pass of X through the block, still dense, hooks on all its linear layers
        prune    all its matrices
        advance  X <- block(X), pruned

This order decides the masks: statistics of the dense model, or taken matrix by matrix within a
block, give others. X is one buffer (n, length, hidden), overwritten in place window by window.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import torch

from iterun.errors import ConfigError
from iterun.models.blocks import (
    capture_block_inputs,
    find_blocks,
    gather_statistics,
    prunable,
    run_block,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from torch import Tensor, nn

    from iterun.ops.masks import Pattern
    from iterun.ops.sparsify import Method, Statistic

    Shown = Callable[[Iterable[Any], str], Iterable[Any]]  #: `run.progress`: items, label

TOKENS_A_PASS = 2048  # of an evaluation's forward pass


class BlockSource(Protocol):
    """A language model whose blocks come one after the other, from memory or from files."""

    module: nn.Module  #: transformers' ...ForCausalLM; without weights if they are in files
    block_names: list[str]

    def load(self, b: int) -> nn.Module:
        """Block b with its weights, on the device."""

    def release(self, b: int, saved: Path | None = None) -> None:
        """The block's weights may leave the memory; `saved` holds them if they were changed."""

    def restore(self, b: int, saved: Path) -> None:
        """Block b's weights are those of this safetensors file, by their names in the model."""

    def outside(self) -> dict[str, Tensor]:
        """What is in no block, by name: embeddings, last norm, the head unless it is tied."""

    def inputs(self, ids: Tensor) -> tuple[Tensor, dict[str, Any]]:
        """What enters block 0 for ids (n, length): hidden states, and the other arguments.

        The states are (n, length, hidden); the arguments suit a batch of any size.
        """

    def losses(self, windows: Tensor, shown: Shown) -> Tensor:
        """Mean token loss of each window (n, length), nats: float64, (n,)."""


class LoadedBlocks:
    """A model in memory as a `BlockSource`: loading and releasing a block are free."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self._blocks = find_blocks(module)
        self.block_names = list(self._blocks)

    def load(self, b: int) -> nn.Module:
        return self._blocks[self.block_names[b]]

    def release(self, b: int, saved: Path | None = None) -> None:
        """The block stays where it is."""

    def restore(self, b: int, saved: Path) -> None:
        from safetensors.torch import load_file

        prefix = f"{self.block_names[b]}."
        tensors = load_file(saved)
        self.load(b).load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items()})

    def outside(self) -> dict[str, Tensor]:
        tensors = self.module.state_dict()
        return {name: tensors[name] for name in outside_names(self.module, self.block_names)}

    def inputs(self, ids: Tensor) -> tuple[Tensor, dict[str, Any]]:
        return block_inputs(self.module, ids)

    def losses(self, windows: Tensor, shown: Shown) -> Tensor:
        from iterun.models.perplexity import window_losses

        size = max(1, TOKENS_A_PASS // windows.shape[1])
        return window_losses(self.module, windows, size, shown)


def outside_names(module: nn.Module, block_names: list[str]) -> list[str]:
    """Names in the state of `module` that are in no block; a tied head's is left out."""
    inside = tuple(f"{name}." for name in block_names)
    tied = tied_head(module)
    names = module.state_dict()
    return [name for name in names if not name.startswith(inside) and name != tied]


def tied_head(module: Any) -> str | None:
    """The name of the head's weight if it is the embedding's; None if it has its own."""
    head, embedding = module.get_output_embeddings(), module.get_input_embeddings()
    if head is None or head.weight is not embedding.weight:
        return None
    return next(f"{name}.weight" for name, child in module.named_modules() if child is head)


def block_inputs(module: Any, ids: Tensor) -> tuple[Tensor, dict[str, Any]]:
    """`BlockSource.inputs` of a module whose embeddings are in memory; its blocks need not be."""
    first, kwargs = capture_block_inputs(module, ids[:1])
    buffer = first[0].new_empty((len(ids), *first[0].shape[1:]))
    buffer[0] = first[0][0]
    for i in range(1, len(ids)):
        buffer[i] = capture_block_inputs(module, ids[i : i + 1]).hidden[0][0]
    return buffer, kwargs


def gather(
    block: nn.Module, hidden: Tensor, kwargs: Mapping[str, Any], method: Method, shown: Shown
) -> Mapping[str, Statistic]:
    """One pass of all windows through the dense block: statistics of its layers' inputs, by layer.

    Args:
        block: before it is pruned.
        hidden: its inputs, (n, length, hidden).
        kwargs: its other arguments.
        method: whose statistics; empty if it needs none.
        shown: such as `run.progress`.
    """

    def make(features: int, device: torch.device) -> Statistic:
        statistic = method.statistic(features, device)
        assert statistic is not None
        return statistic

    if not method.needs_data:
        return {}
    windows = shown(torch.split(hidden, 1), "statistics")
    return gather_statistics(block, windows, kwargs, make)


@dataclass
class PrunedBlock:
    """What pruning one block left."""

    masks: dict[str, Tensor] = field(default_factory=dict)  #: by layer; bool, True = kept
    rows: list[dict[str, Any]] = field(default_factory=list)  #: of sparsity.json
    n_zero_rows: int = 0  #: outputs without any weight


def prune_block(
    block: nn.Module,
    name: str,
    method: Method,
    statistics: Mapping[str, Statistic],
    generator: Callable[[str], torch.Generator],
    shown: Shown,
) -> PrunedBlock:
    """Prune all matrices of a block in place.

    Args:
        block: with its dense weights.
        name: the block's in the model, ending in its number.
        method: criterion and budget.
        statistics: from `gather`.
        generator: by the full name of a matrix; for the criterion `random`.
        shown: such as `run.progress`.
    """
    pruned = PrunedBlock()
    ready: dict[int, Any] = {}
    for layer_name, layer in shown(prunable(block).items(), "matrices"):
        began = time.monotonic()
        full = f"{name}.{layer_name}"
        statistic = statistics.get(layer_name)
        if id(statistic) not in ready:
            ready = {id(statistic): method.prepare(statistic, name=full)}
        mask, row = _prune_layer(layer, method, ready[id(statistic)], full, generator)
        row |= {"block": int(name.rpartition(".")[2]), "seconds": time.monotonic() - began}
        pruned.masks[layer_name] = mask
        pruned.rows.append(row)
        pruned.n_zero_rows += int((~mask.any(dim=1)).sum())
    return pruned


def _prune_layer(
    layer: nn.Linear,
    method: Method,
    prepared: Any,
    name: str,
    generator: Callable[[str], torch.Generator],
) -> tuple[Tensor, dict[str, Any]]:
    weight = layer.weight.data
    dense = weight.clone()
    drawn = generator(name) if method.criterion == "random" else None
    new, mask = method.prune(weight, prepared, generator=drawn, name=name)
    if new is not weight:
        weight.copy_(new)
    norm = float(torch.linalg.vector_norm(dense, dtype=torch.float32))
    change = float(torch.linalg.vector_norm(dense.sub_(weight), dtype=torch.float32))
    zeros = mask.numel() - int(mask.count_nonzero())
    row = {
        "name": f"{name}.weight",
        "kind": name.rpartition(".")[2],
        "rows": mask.shape[0],
        "columns": mask.shape[1],
        "zeros": zeros,
        "sparsity": zeros / mask.numel(),
        "change": change / norm if norm else 0.0,
    }
    return mask, row


def advance(block: nn.Module, hidden: Tensor, kwargs: Mapping[str, Any], shown: Shown) -> None:
    """Overwrite `hidden`, (n, length, hidden), with the block's outputs, one window at a time."""
    with torch.no_grad():
        for i in shown(range(len(hidden)), "outputs"):
            hidden[i : i + 1] = run_block(block, hidden[i : i + 1], kwargs)


def check_columns(weights: Mapping[str, Tensor], pattern: Pattern | None) -> None:
    """Make sure that an N:M pattern fits every matrix.

    Raises:
        ConfigError: columns that do not divide by M.
    """
    for name, weight in weights.items():
        if pattern and weight.shape[1] % pattern.m:
            raise ConfigError(
                f"task.pattern={pattern}: {name} has {weight.shape[1]} columns, which do not "
                f"divide by {pattern.m}",
                hint="choose task.pattern=unstructured",
            )


def prune_model(
    source: BlockSource,
    method: Method,
    ids: Tensor | None,
    generator: Callable[[str], torch.Generator],
    shown: Shown,
) -> PrunedBlock:
    """The whole pass over a model in memory; masks by the full names of the layers.

    Args:
        source: its blocks stay where they are.
        method: criterion and budget.
        ids: calibration windows, (n, length); None for criteria without data.
        generator: see `prune_block`.
        shown: such as `run.progress`.
    """
    whole = PrunedBlock()
    hidden, kwargs = source.inputs(ids) if method.needs_data and ids is not None else (None, {})
    for b in shown(range(len(source.block_names)), "prune"):
        block, name = source.load(b), source.block_names[b]
        statistics = {} if hidden is None else gather(block, hidden, kwargs, method, shown)
        pruned = prune_block(block, name, method, statistics, generator, shown)
        if hidden is not None:
            advance(block, hidden, kwargs, shown)
        whole.masks |= {f"{name}.{layer}": mask for layer, mask in pruned.masks.items()}
        whole.rows += pruned.rows
        whole.n_zero_rows += pruned.n_zero_rows
    return whole
