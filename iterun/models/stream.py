"""A causal language model left on disk: one transformer block in memory at a time.

The module is built without weights (torch's meta device). A block gets its weights when it is
loaded and loses them when it is released; embeddings, last norm and head are there only while the
inputs of block 0 or the losses are computed. What stands before and after the blocks is run by the
model's own code: for the losses, the blocks are made to hand back the hidden states they are given.

Peak memory: embeddings and head, or one block, beside the hidden states (n, length, hidden).
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from iterun.errors import ConfigError
from iterun.models.blocks import find_blocks
from iterun.models.memory import give_back
from iterun.models.sequential import advance, block_inputs, outside_names, tied_head
from iterun.models.skeleton import assign, without_weights
from iterun.models.snapshot import STRUCTURE
from iterun.models.weights import WeightFiles, read_tensors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from torch import Tensor

    from iterun.models.sequential import Shown
    from iterun.types import Placement


@dataclass(kw_only=True)
class StreamedCausalLM:
    """A language model whose weights stay in files: `StreamedLanguageModel` and `BlockSource`."""

    name: str
    tokenizer: Any
    context: int
    folder: Path
    module: nn.Module  #: the whole model, without weights
    files: WeightFiles
    device: torch.device
    dtype: torch.dtype
    changed: dict[int, Path] = field(default_factory=dict)  #: files in place of a block's own
    after_load: Callable[[int, nn.Module], None] | None = None  #: changes a block just loaded

    def __post_init__(self) -> None:
        self._blocks = find_blocks(self.module)
        self.block_names = list(self._blocks)
        self._returns_tuple = False  # blocks of transformers before 4.54 do
        for block in self._blocks.values():
            block.register_forward_hook(self._note_form)

    @property
    def n_blocks(self) -> int:
        return len(self.block_names)

    def load(self, b: int) -> nn.Module:
        """Block b with its weights, on the device."""
        name = self.block_names[b]
        block = self._blocks[name]
        keys = {f"{name}.{key}": key for key in block.state_dict()}
        if b in self.changed:
            pairs = zip(keys, keys, strict=True)
            found = read_tensors(self.changed[b], pairs, self.device, self.dtype)
        else:
            found = self.files.read(keys, self.device, self.dtype)
        block.load_state_dict({keys[key]: tensor for key, tensor in found.items()}, assign=True)
        if self.after_load is not None:
            self.after_load(b, block)
        return block.eval().requires_grad_(False)

    def release(self, b: int, saved: Path | None = None) -> None:
        """Take block b's weights away; from now on they are those of the file `saved`."""
        self._blocks[self.block_names[b]].to("meta")
        give_back()
        if saved is not None:
            self.changed[b] = saved

    def restore(self, b: int, saved: Path) -> None:
        """Block b's weights are those of this file, by their names in the model."""
        self.changed[b] = saved

    def outside(self) -> dict[str, Tensor]:
        """What is in no block, read from the files."""
        names = outside_names(self.module, self.block_names)
        return self.files.read(names, self.device, self.dtype)

    def inputs(self, ids: Tensor) -> tuple[Tensor, dict[str, Any]]:
        """Hidden states that enter block 0, (n, length, hidden), and the other arguments."""
        with self._outside_loaded():
            return block_inputs(self.module, ids)

    def losses(self, windows: Tensor, shown: Shown) -> Tensor:
        """Mean token loss of each window, nats: float64, (n,). Reads every block once.

        The hidden states of all windows are held at once.
        """
        from iterun.models.perplexity import window_losses

        hidden, kwargs = self.inputs(windows)
        for b in shown(range(self.n_blocks), "perplexity"):
            advance(self.load(b), hidden, kwargs, shown)
            self.release(b)
        found = []
        with self._outside_loaded(), self._blocks_handing_back() as hand:
            for w in shown(range(len(windows)), "losses"):
                hand(hidden[w : w + 1])
                found.append(window_losses(self.module, windows[w : w + 1], batch_size=1))
        return torch.cat(found)

    def _note_form(self, block: nn.Module, args: Any, output: Any) -> None:
        self._returns_tuple = isinstance(output, tuple)

    @contextmanager
    def _outside_loaded(self) -> Iterator[None]:
        tensors = self.outside()
        tied = tied_head(self.module) is not None
        try:
            assign(self.module, tensors, tied=tied)
            yield
        finally:
            gone = {name: tensor.to("meta") for name, tensor in tensors.items()}
            assign(self.module, gone, tied=tied)

    @contextmanager
    def _blocks_handing_back(self) -> Iterator[Callable[[Tensor], None]]:
        """In here every block returns what `hand` was given last, in the form of its family."""
        given: list[Tensor] = []

        def forward(*args: Any, **kwargs: Any) -> Any:
            return (given[0],) if self._returns_tuple else given[0]

        def hand(hidden: Tensor) -> None:
            given[:] = [hidden]

        for block in self._blocks.values():
            block.forward = forward
        try:
            yield hand
        finally:
            for block in self._blocks.values():
                del block.forward


def open_folder(folder: Path, name: str, place: Placement) -> StreamedCausalLM:
    """Open a model folder for streaming; config and tokenizer are read, no weights.

    Args:
        folder: with config.json, tokenizer and safetensors.
        name: as typed after `model=`.
        place: where blocks are computed, and in which dtype.

    Raises:
        ConfigError: no config or weights that can be used, or blocks that are not known.
    """
    from transformers import AutoConfig, AutoTokenizer

    from iterun.models.compact import skeleton
    from iterun.models.lm import context_of, quiet_loading

    safe: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}
    dtype = getattr(torch, place.dtype)
    try:
        with quiet_loading():
            tokenizer = AutoTokenizer.from_pretrained(folder, **safe)
            if (folder / STRUCTURE).is_file():
                module = skeleton(folder, dtype)
            else:
                config = AutoConfig.from_pretrained(folder, **safe)
                module = without_weights(config, dtype)
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(
            f"model={name} cannot be opened from {folder}: {str(error).splitlines()[0]}",
            hint="fetch or save it anew with save_pretrained",
        ) from error
    names = [key for key in module.state_dict() if key != tied_head(module)]
    return StreamedCausalLM(
        name=name,
        tokenizer=tokenizer,
        context=context_of(module.config, name),
        folder=folder,
        module=module,
        files=WeightFiles(folder, names, module.base_model_prefix),
        device=torch.device(place.device),
        dtype=dtype,
    )
