"""The transformer blocks of a causal language model, found by structure, and how to run them alone.

A block is recognised by the paths of its linear layers, whatever its class is called. Its keyword
arguments (attention mask, rotary embeddings, positions) are caught on the way into block 0 and
passed on, never rebuilt: they differ between models and versions of transformers.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, NamedTuple, NoReturn, Protocol, TypeVar

import torch
from torch import Tensor, nn

from iterun.errors import ConfigError

#: linear layers of a block by family; other models with these very paths are taken too
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "opt": (
        "self_attn.q_proj",
        "self_attn.k_proj",
        "self_attn.v_proj",
        "self_attn.out_proj",
        "fc1",
        "fc2",
    ),
    "llama": (
        "self_attn.q_proj",
        "self_attn.k_proj",
        "self_attn.v_proj",
        "self_attn.o_proj",
        "mlp.gate_proj",
        "mlp.up_proj",
        "mlp.down_proj",
    ),
}
SUPPORTED = "OPT, Llama, SmolLM2, Mistral, Qwen2"


class Accumulator(Protocol):
    """A statistic of a layer's inputs: `ColumnNorms`, `HessianSum`."""

    def add(self, x: Tensor, *, n_sequences: int | None = None) -> None: ...


S = TypeVar("S", bound=Accumulator)


class BlockInputs(NamedTuple):
    """What goes into block 0."""

    hidden: list[Tensor]  #: one for each batch; (batch, tokens, features)
    kwargs: dict[str, Any]  #: keyword arguments of every block, right for any batch of that length


def find_blocks(module: nn.Module) -> dict[str, nn.Module]:
    """Transformer blocks by full module name, in order; also of a model on the meta device.

    Raises:
        ConfigError: there are none of a known structure, or two stacks of them.
    """
    stacks = [
        {f"{name}.{i}": block for i, block in enumerate(blocks)}
        for name, blocks in module.named_modules()
        if isinstance(blocks, nn.ModuleList) and len(blocks) and all(map(family, blocks))
    ]
    if len(stacks) != 1:
        found = f"{len(stacks)} stacks of" if stacks else "no"
        raise ConfigError(
            f"the model ({type(module).__name__}) has {found} transformer blocks that iterun knows",
            hint=f"choose a model of these families: {SUPPORTED}; model=opt-mini works offline",
        )
    return stacks[0]


def family(block: nn.Module) -> str | None:
    """The key of `FAMILIES` whose linear layers the block has, all of them and no others."""
    names = set(_linears(block))
    return next((key for key, known in FAMILIES.items() if names == set(known)), None)


def prunable(block: nn.Module) -> dict[str, nn.Linear]:
    """Linear layers of one block by name within the block, in the order in which they run.

    A layer inside an adapter (`LoraLinear`) goes by the name it had before.
    """
    linears = _linears(block)
    order = FAMILIES.get(family(block) or "", tuple(linears))
    return {name: linears[name] for name in order}


def prunable_weights(module: nn.Module) -> dict[str, Tensor]:
    """Every prunable weight of a model by its parameter name in a dense checkpoint, in order.

    Raises:
        ConfigError: no blocks of a known structure.
    """
    return {
        f"{block_name}.{name}.weight": linear.weight
        for block_name, block in find_blocks(module).items()
        for name, linear in prunable(block).items()
    }


def capture_block_inputs(module: nn.Module, ids: Tensor, *, batch_size: int = 1) -> BlockInputs:
    """Run the embeddings and stop at block 0; the blocks may be on the meta device.

    The sequences have no padding, so masks and positions are the same in every row of a batch: one
    row of them is kept, which suits any batch size.

    Args:
        module: the model, in eval mode.
        ids: token ids, (sequences, tokens), int64.
        batch_size: sequences embedded together.

    Raises:
        ConfigError: no blocks of a known structure.
    """
    first = next(iter(find_blocks(module).values()))
    names = list(inspect.signature(first.forward).parameters)
    device = _embedding_device(module)
    hidden: list[Tensor] = []
    kwargs: dict[str, Any] = {}

    def catch(_: nn.Module, args: tuple[Any, ...], given: dict[str, Any]) -> NoReturn:
        named = dict(zip(names, args, strict=False)) | given
        hidden.append(named.pop(names[0]).detach())
        if not kwargs:
            kwargs.update({key: _one_row(value, len(batch)) for key, value in named.items()})
        raise _CaughtError

    handle = first.register_forward_pre_hook(catch, with_kwargs=True)
    try:
        with torch.no_grad():
            for batch in torch.split(ids, batch_size):
                try:
                    module(input_ids=batch.to(device), use_cache=False)
                except _CaughtError:
                    continue
    finally:
        handle.remove()
    return BlockInputs(hidden, kwargs)


def run_block(block: nn.Module, hidden: Tensor, kwargs: Mapping[str, Any]) -> Tensor:
    """The hidden states after one block, whether it returns a tensor or a tuple.

    Args:
        block: from `find_blocks`.
        hidden: (batch, tokens, features).
        kwargs: from `capture_block_inputs`.
    """
    output = block(hidden, **{key: _spread(value, len(hidden)) for key, value in kwargs.items()})
    result: Tensor = output[0] if isinstance(output, tuple | list) else output
    return result


def gather_statistics(
    block: nn.Module,
    hidden: Iterable[Tensor],
    kwargs: Mapping[str, Any],
    make: Callable[[int, torch.device], S],
) -> dict[str, S]:
    """One pass through a block, with an accumulator at the input of each of its linear layers.

    Layers that read the same tensor (q, k and v; gate and up) get the same accumulator, so that
    their sums are made and held once.

    Args:
        block: still dense, without adapters.
        hidden: batches, (batch, tokens, features).
        kwargs: from `capture_block_inputs`.
        make: (features, device) -> accumulator, as `ColumnNorms` or `HessianSum`.

    Returns:
        Accumulators by the names of `prunable`.
    """
    gathered: dict[str, S] = {}
    for batch in hidden:
        hooks = _StatisticsHooks(gathered, len(batch), make)
        handles = [
            linear.register_forward_pre_hook(functools.partial(hooks.listen, name))
            for name, linear in prunable(block).items()
        ]
        try:
            with torch.no_grad():
                run_block(block, batch, kwargs)
        finally:
            for handle in handles:
                handle.remove()
    return gathered


class _StatisticsHooks(Generic[S]):
    """Adds each distinct layer input of one pass to its accumulator."""

    def __init__(
        self, gathered: dict[str, S], n_sequences: int, make: Callable[[int, torch.device], S]
    ) -> None:
        self._gathered, self._n_sequences, self._make = gathered, n_sequences, make
        self._last: tuple[Tensor, S] | None = None  # layers that share an input run one by one

    def listen(self, name: str, _: nn.Module, args: tuple[Tensor, ...]) -> None:
        x = args[0]
        if self._last and self._last[0] is x:
            self._gathered[name] = self._last[1]
            return
        if name not in self._gathered:
            self._gathered[name] = self._make(x.shape[-1], x.device)
        self._gathered[name].add(x, n_sequences=self._n_sequences)
        self._last = x, self._gathered[name]


class _CaughtError(Exception):
    """Ends the model's forward pass once block 0 has been reached."""


def _linears(block: nn.Module) -> dict[str, nn.Linear]:
    return {
        name.removesuffix(".base"): child
        for name, child in block.named_modules()
        if isinstance(child, nn.Linear)
    }


def _embedding_device(module: nn.Module) -> torch.device:
    device: torch.device = module.get_input_embeddings().weight.device  # type: ignore[operator]
    return device


def _one_row(value: Any, batch: int) -> Any:
    """Row 0 of each tensor with a batch dimension; tuples (cos, sin) are looked into."""
    if isinstance(value, tuple):
        return tuple(_one_row(item, batch) for item in value)
    if isinstance(value, Tensor) and value.dim() > 1 and len(value) == batch:
        return value[:1]
    return value


def _spread(value: Any, batch: int) -> Any:
    """A view of one row as a whole batch: some attention code of transformers 4 insists on it."""
    if isinstance(value, tuple):
        return tuple(_spread(item, batch) for item in value)
    if isinstance(value, Tensor) and value.dim() > 1 and len(value) == 1:
        return value.expand(batch, *value.shape[1:])
    return value
