from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    OPTConfig,
    PreTrainedModel,
    Qwen2Config,
)

from iterun.errors import ConfigError
from iterun.models.blocks import (
    FAMILIES,
    capture_block_inputs,
    family,
    find_blocks,
    gather_statistics,
    prunable,
    prunable_weights,
    run_block,
)
from iterun.ops.lora import attach
from iterun.ops.sparsify import ColumnNorms

OPT = {
    "vocab_size": 64,
    "hidden_size": 16,
    "ffn_dim": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "max_position_embeddings": 32,
    "word_embed_proj_dim": 16,
}
GATED = {
    "vocab_size": 64,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 32,
}
CONFIGS: dict[str, Callable[[], Any]] = {
    "opt": lambda: OPTConfig(**OPT),
    "opt-350m": lambda: OPTConfig(
        **OPT | {"word_embed_proj_dim": 8, "do_layer_norm_before": False}
    ),
    "llama": lambda: LlamaConfig(**GATED),
    "mistral": lambda: MistralConfig(**GATED, sliding_window=5),
    "qwen2": lambda: Qwen2Config(**GATED),
}
MODELS = pytest.mark.parametrize("kind", CONFIGS)
EAGER = pytest.mark.parametrize("attention", ["eager", "sdpa"])


def tiny(kind: str, attention: str = "sdpa") -> PreTrainedModel:
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(CONFIGS[kind](), attn_implementation=attention).eval()


def token_ids(n: int = 5, length: int = 11) -> Tensor:
    return torch.randint(4, 64, (n, length), generator=torch.Generator().manual_seed(1))


@MODELS
def test_blocks_are_found_in_order_under_their_full_names(kind: str) -> None:
    model = tiny(kind)

    blocks = find_blocks(model)

    stack = "model.decoder.layers" if kind.startswith("opt") else "model.layers"
    assert list(blocks) == [f"{stack}.{i}" for i in range(3)]
    assert all(model.get_submodule(name) is block for name, block in blocks.items())


@MODELS
def test_only_linear_layers_inside_blocks_are_prunable(kind: str) -> None:
    model = tiny(kind)
    names = FAMILIES["opt" if kind.startswith("opt") else "llama"]

    weights = prunable_weights(model)

    expected = [f"{block}.{name}.weight" for block in find_blocks(model) for name in names]
    assert list(weights) == expected
    assert all(model.get_parameter(name) is weight for name, weight in weights.items())


def test_blocks_are_known_by_structure_and_not_by_class() -> None:
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
                self.add_module(name, nn.Linear(2, 2))

    layers = [
        nn.ModuleDict({"self_attn": Attention(), "fc1": nn.Linear(2, 4), "fc2": nn.Linear(4, 2)})
        for _ in range(2)
    ]
    model = nn.ModuleDict({"trunk": nn.ModuleList(layers), "head": nn.Linear(2, 9)})

    assert list(find_blocks(model)) == ["trunk.0", "trunk.1"]
    assert family(layers[0]) == "opt"


def test_a_model_without_known_blocks_lists_the_families() -> None:
    config = GPT2Config(vocab_size=8, n_embd=4, n_layer=1, n_head=1, n_positions=8)
    model = AutoModelForCausalLM.from_config(config)

    with pytest.raises(ConfigError, match="GPT2LMHeadModel") as caught:
        find_blocks(model)

    assert "OPT, Llama, SmolLM2, Mistral, Qwen2" in caught.value.hint


def test_two_stacks_are_refused() -> None:
    pair = nn.ModuleDict({"one": tiny("llama"), "two": tiny("llama")})

    with pytest.raises(ConfigError, match="2 stacks"):
        find_blocks(pair)


@MODELS
def test_blocks_are_found_on_the_meta_device(kind: str) -> None:
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(CONFIGS[kind]())

    assert len(find_blocks(model)) == 3


@MODELS
@EAGER
@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_running_the_blocks_equals_the_model(kind: str, attention: str, batch_size: int) -> None:
    """Batches of 2, 2 and 1 share the first one's arguments."""
    model, ids = tiny(kind, attention), token_ids()
    with torch.no_grad():
        expected = model(input_ids=ids, output_hidden_states=True).hidden_states[-2]

        hidden, kwargs = capture_block_inputs(model, ids, batch_size=batch_size)
        for block in list(find_blocks(model).values())[:-1]:
            hidden = [run_block(block, x, kwargs) for x in hidden]

    assert [len(x) for x in hidden] == [len(x) for x in ids.split(batch_size)]
    torch.testing.assert_close(torch.cat(hidden), expected)


@MODELS
def test_arguments_caught_with_one_batch_size_suit_another(kind: str) -> None:
    model, ids = tiny(kind, "eager"), token_ids(4)
    hidden, kwargs = capture_block_inputs(model, ids, batch_size=4)
    block = next(iter(find_blocks(model).values()))

    with torch.no_grad():
        together = run_block(block, hidden[0], kwargs)
        alone = [run_block(block, x[None], kwargs) for x in hidden[0]]

    torch.testing.assert_close(torch.cat(alone), together)


@MODELS
def test_catching_the_inputs_leaves_the_model_as_it_was(kind: str) -> None:
    model, ids = tiny(kind), token_ids()
    with torch.no_grad():
        before = model(input_ids=ids).logits
        hidden, _ = capture_block_inputs(model, ids)
        after = model(input_ids=ids).logits

    assert torch.equal(before, after)
    assert not any(x.requires_grad for x in hidden)
    assert not any(block._forward_pre_hooks for block in find_blocks(model).values())


def test_hooks_are_gone_after_an_error() -> None:
    model = tiny("opt")

    with pytest.raises(IndexError):
        capture_block_inputs(model, torch.full((1, 4), 99))

    assert not any(block._forward_pre_hooks for block in find_blocks(model).values())


def test_blocks_may_be_on_the_meta_device_while_inputs_are_caught() -> None:
    model, ids = tiny("llama"), token_ids()
    expected = capture_block_inputs(model, ids).hidden
    find_blocks(model)["model.layers.0"].to("meta")

    hidden, _ = capture_block_inputs(model, ids)

    assert all(map(torch.equal, hidden, expected))


class TupleBlock(nn.Module):
    """A block as transformers 4 returned it, taking its arguments by position."""

    def forward(self, hidden_states: Tensor, attention_mask: Tensor) -> tuple[Tensor, None]:
        return hidden_states + attention_mask, None


def test_a_block_may_return_a_tuple() -> None:
    output = run_block(TupleBlock(), torch.ones(1, 2), {"attention_mask": torch.ones(1, 2)})

    assert output.tolist() == [[2.0, 2.0]]


@MODELS
def test_statistics_equal_those_of_each_layers_own_input(kind: str) -> None:
    model, ids = tiny(kind), token_ids()
    hidden, kwargs = capture_block_inputs(model, ids, batch_size=2)
    name, block = next(iter(find_blocks(model).items()))

    gathered = gather_statistics(block, hidden, kwargs, ColumnNorms)

    seen = inputs_of_linears(model, ids, name)
    assert list(seen) == list(gathered) == list(prunable(block))
    for layer, x in seen.items():
        assert gathered[layer].n_sequences == len(ids)
        expected = x.square().sum(dim=0) / len(ids)
        torch.testing.assert_close(gathered[layer].mean_squares(), expected)


def inputs_of_linears(model: PreTrainedModel, ids: Tensor, block: str) -> dict[str, Tensor]:
    """Inputs of each linear layer of a block when the whole model runs; (all tokens, features)."""
    seen: dict[str, Tensor] = {}
    handles = [
        layer.register_forward_pre_hook(
            lambda _, args, name=name: seen.update({name: args[0].flatten(0, -2)})
        )
        for name, layer in prunable(model.get_submodule(block)).items()
    ]
    with torch.no_grad():
        model(input_ids=ids)
    for handle in handles:
        handle.remove()
    return seen


@MODELS
def test_layers_with_one_input_share_one_accumulator(kind: str) -> None:
    model = tiny(kind)
    hidden, kwargs = capture_block_inputs(model, token_ids(2))
    block = next(iter(find_blocks(model).values()))
    made: list[ColumnNorms] = []

    def make(features: int, device: torch.device) -> ColumnNorms:
        made.append(ColumnNorms(features, device))
        return made[-1]

    gathered = gather_statistics(block, hidden, kwargs, make)

    q, k, v = (gathered[f"self_attn.{name}_proj"] for name in "qkv")
    assert q is k is v
    assert len(made) == 4
    assert not any(layer._forward_pre_hooks for layer in prunable(block).values())


def test_adapters_do_not_hide_the_layers() -> None:
    model = tiny("opt")
    blocks = find_blocks(model)
    weights = prunable_weights(model)

    for block in blocks.values():
        attach(block, dict.fromkeys(prunable(block)), generator=torch.Generator())

    assert list(find_blocks(model)) == list(blocks)
    assert list(prunable_weights(model)) == list(weights)
