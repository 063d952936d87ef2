"""A model pruned, and if asked repaired, block by block; each block done is a file.

One block's weights, the hidden states X (n, length, hidden) and the statistics are in memory; with
a repair also its targets, like X. X is saved only when a checkpoint is taken.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from iterun.models import mask_files, pruned, tensor_files
from iterun.models.gradient_norms import GradientNorms
from iterun.models.repair import Repaired, Task, repair
from iterun.models.sequential import (
    BlockSource,
    LoadedBlocks,
    PrunedBlock,
    advance,
    gather,
    prune_block,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    import torch
    from torch import Tensor

    from iterun.models.recipe import Recipe
    from iterun.ops.lr_schedule import Schedule
    from iterun.ops.sparsify import Method
    from iterun.types import Ref


class Keeper(Protocol):
    """What the pass needs of a run."""

    @property
    def device(self) -> torch.device: ...
    def generator(self, name: str, *key: object) -> torch.Generator: ...
    def progress(self, items: Iterable[Any], label: str) -> Iterator[Any]: ...
    def save_file(self, name: str, write: Callable[[Path], None], at: int | None = None) -> Ref: ...
    def load(self, ref: Ref) -> Path: ...
    def append(self, name: str, rows: Sequence[Any]) -> None: ...
    def schedule(self, n_steps: int) -> Schedule | None: ...


class BlockPass:
    """The pass over a model.

    Args:
        run: takes the files.
        source: the model.
        method: how matrices are pruned.
        ids: calibration windows, (n, length); None where neither method nor repair needs them.
        recipe: of the repair; None: no repair.
        rows: windows an optimizer step of the repair.
        size: windows a forward pass of the repair.
    """

    def __init__(
        self,
        run: Keeper,
        source: BlockSource,
        method: Method,
        ids: Tensor | None,
        recipe: Recipe | None,
        *,
        rows: int,
        size: int,
    ) -> None:
        self._run, self._source, self._method, self._ids = run, source, method, ids
        self._recipe, self._rows, self._size = recipe, rows, size
        self._course = None if recipe is None else run.schedule(recipe.steps)
        self._hidden: Tensor | None = None  # X
        self._kwargs: dict[str, Any] = {}  # the blocks' other arguments
        self._files: list[dict[str, Ref]] = []  # of the blocks done
        self.norms = GradientNorms(l1=True)

    @property
    def n_done(self) -> int:
        return len(self._files)

    @property
    def is_whole(self) -> bool:
        return self.n_done == len(self._source.block_names)

    def do(self, i: int) -> tuple[PrunedBlock, Repaired | None]:
        """Prune and repair block i - 1, in iteration i."""
        b, name, shown = i - 1, self._source.block_names[i - 1], self._run.progress
        X = self._inputs()
        block = self._source.load(b)
        Y = self._outputs(block, X) if X is not None and self._recipe else None
        statistics = {} if X is None else gather(block, X, self._kwargs, self._method, shown)
        random = partial(self._run.generator, "random")
        done = prune_block(block, name, self._method, statistics, random, shown)
        del statistics
        repaired = None
        if X is not None and Y is not None:
            repaired = self._repair(i, Task(block, done.masks, X, self._kwargs, Y))
        del Y
        if X is not None:
            advance(block, X, self._kwargs, shown)
        self._save(i, block, done, repaired)
        stays = isinstance(self._source, LoadedBlocks)
        self._source.release(b, None if stays else self._run.load(self._files[-1]["weights"]))
        if self.is_whole:
            self._hidden = None
        return done, repaired

    def unrepaired(self, b: int, block: torch.nn.Module) -> None:
        """Put the masks of block b on its dense weights."""
        masks = mask_files.read_block_masks(self._run.load(self._files[b]["masks"]))
        mask_files.put_masks(block, self._source.block_names[b], masks)

    def state(self) -> dict[str, Any]:
        """Files of the blocks done and, between two blocks, of X."""
        x = None
        if self._hidden is not None and self._files:
            write = partial(tensor_files.write_tensors, tensors={"x": self._hidden})
            x = self._run.save_file("blocks/x.safetensors", write)
        return {"files": self._files, "x": x}

    def restore(self, state: dict[str, Any]) -> None:
        """Put the blocks done and X back."""
        self._files = state["files"]
        for b, files in enumerate(self._files):
            self._source.restore(b, self._run.load(files["weights"]))
        if state["x"] is not None and self._ids is not None:
            first, self._kwargs = self._source.inputs(self._ids[:1])
            path = self._run.load(state["x"])
            x = tensor_files.read_tensor(path, "x", self._run.device)
            self._hidden = x.to(first.dtype)  # of a fork another one

    def write_model(self, folder: Path, tokenizer: Any) -> None:
        """The model folder, once all blocks are done."""
        paths = [self._run.load(files["weights"]) for files in self._files]
        pruned.write_model(folder, self._source, paths, tokenizer)

    def save_masks(self) -> None:
        """masks.safetensors of the blocks done."""
        paths = [self._run.load(files["masks"]) for files in self._files]
        self._run.save_file("masks.safetensors", partial(mask_files.join_masks, paths=paths))

    def save_retrained(self) -> None:
        """retrained.safetensors of the blocks done, if they were repaired."""
        if self._recipe and "full" not in self._recipe.train:
            paths = [self._run.load(files["retrained"]) for files in self._files]
            write = partial(tensor_files.join_tensors, paths=paths, metadata=self._recipe.as_text())
            self._run.save_file("retrained.safetensors", write)

    def _inputs(self) -> Tensor | None:
        """X; after a fork from a criterion without data it has yet to come through the blocks."""
        if self._hidden is None and self._ids is not None:
            self._hidden, self._kwargs = self._source.inputs(self._ids)
            for b in range(self.n_done):
                advance(self._source.load(b), self._hidden, self._kwargs, self._run.progress)
                self._source.release(b)
        return self._hidden

    def _outputs(self, block: torch.nn.Module, X: Tensor) -> Tensor:
        Y = X.clone()
        advance(block, Y, self._kwargs, self._run.progress)
        return Y

    def _repair(self, i: int, task: Task) -> Repaired:
        assert self._recipe is not None
        return repair(
            task,
            self._recipe,
            self._run.generator("lora", i),
            self.norms,
            self._course,
            rows=self._rows,
            size=self._size,
            shown=self._run.progress,
            where=f"iteration {i}",
        )

    def _save(
        self, i: int, block: torch.nn.Module, done: PrunedBlock, repaired: Repaired | None
    ) -> None:
        name = self._source.block_names[i - 1]
        weights = {f"{name}.{key}": value for key, value in block.state_dict().items()}
        writes = {
            "weights": partial(tensor_files.write_tensors, tensors=weights),
            "masks": partial(mask_files.write_block_masks, name=name, masks=done.masks),
        }
        if repaired is not None:
            values = {f"{name}.{key}": value for key, value in repaired.values.items()}
            writes["retrained"] = partial(tensor_files.write_tensors, tensors=values)
        self._files.append(
            {
                kind: self._run.save_file(f"blocks/{kind}-{{i}}.safetensors", write, at=i)
                for kind, write in writes.items()
            }
        )
