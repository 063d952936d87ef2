"""The order of the pass decides the masks; compared with the published one, written out."""

from __future__ import annotations

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, OPTConfig, OPTForCausalLM

from iterun.models.sequential import LoadedBlocks, prune_model
from iterun.ops.sparsegpt import sparsegpt
from iterun.ops.sparsify import Method

IDS = torch.randint(0, 64, (4, 24), generator=torch.Generator().manual_seed(2))


def opt() -> OPTForCausalLM:
    torch.manual_seed(0)
    config = OPTConfig(
        vocab_size=64, hidden_size=32, word_embed_proj_dim=32, ffn_dim=64, num_hidden_layers=3,
        num_attention_heads=2, max_position_embeddings=32, init_std=0.3,
    )  # fmt: skip
    return OPTForCausalLM(config).eval()


def llama() -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=3,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=32,
        initializer_range=0.3,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


def quietly(items, label):
    return items


def prune(module, **settings):
    method = Method(sparsity=0.5, **settings)
    return prune_model(LoadedBlocks(module), method, IDS, lambda name: torch.Generator(), quietly)


def layers_of(block):
    return {name: m for name, m in block.named_modules() if isinstance(m, torch.nn.Linear)}


@torch.no_grad()
def plainly(module, blocks, prune_layer):
    """The pass as published: windows one by one, hooks, then all layers, then a second pass."""
    caught = []

    def catch(block, args, kwargs):
        caught.append((args[0].clone(), kwargs))
        raise StopIteration

    handle = blocks[0].register_forward_pre_hook(catch, with_kwargs=True)
    for row in IDS:
        with pytest.raises(StopIteration):
            module(row[None], use_cache=False)
    handle.remove()
    hidden = [x for x, _ in caught]
    for block in blocks:
        inputs = {name: [] for name in layers_of(block)}
        handles = [
            layer.register_forward_hook(lambda m, a, o, found=inputs[name]: found.append(a[0]))
            for name, layer in layers_of(block).items()
        ]
        for x in hidden:
            block(x, **caught[0][1])
        for handle in handles:
            handle.remove()
        for name, layer in layers_of(block).items():
            prune_layer(layer.weight, [x.reshape(-1, x.shape[-1]) for x in inputs[name]])
        hidden = [first(block(x, **caught[0][1])) for x in hidden]


def first(output):
    return output[0] if isinstance(output, tuple) else output


def wanda(weight, inputs):
    """Wanda, row by row: running mean of squared norms, stable sort, the first half goes."""
    c = torch.zeros(weight.shape[1])
    for n, x in enumerate(inputs):
        c = c * n / (n + 1) + x.norm(dim=0) ** 2 / (n + 1)
    order = torch.sort(weight.abs() * c.sqrt(), dim=1, stable=True)[1]
    weight.scatter_(1, order[:, : int(weight.shape[1] * 0.5)], 0.0)


def obs(weight, inputs):
    """SparseGPT's Hessian in one go; the column loop is compared in tests/ops."""
    H = sum(x.T @ x for x in inputs) * (2 / len(inputs))
    weight.copy_(sparsegpt(weight, H, sparsity=0.5)[0])


@pytest.mark.parametrize("make", [opt, llama])
def test_wanda_prunes_what_the_published_order_does(make):
    ours, theirs = make(), make()
    prune(ours, criterion="wanda")
    plainly(theirs, theirs.get_submodule(stack(theirs)), wanda)

    for name, weight in ours.named_parameters():
        differing = (weight == 0) != (theirs.get_parameter(name) == 0)
        assert differing.float().mean() <= 1e-3, name


@pytest.mark.parametrize("make", [opt, llama])
def test_sparsegpt_gives_what_the_published_order_does(make):
    ours, theirs = make(), make()
    prune(ours, criterion="sparsegpt")
    plainly(theirs, theirs.get_submodule(stack(theirs)), obs)

    for name, weight in ours.named_parameters():
        wanted = theirs.get_parameter(name)
        assert (weight - wanted).abs().max() <= 2e-3 * wanted.square().mean().sqrt() + 1e-9, name


def stack(module) -> str:
    return "model.decoder.layers" if hasattr(module.model, "decoder") else "model.layers"


def test_later_blocks_see_the_pruned_ones():
    """Pruning block 0 by hand first changes the masks of block 1: its inputs are other ones."""
    whole, dense = prune(opt(), criterion="wanda"), opt()
    second = dense.model.decoder.layers[1]

    hidden = dense.model.decoder.layers[0](LoadedBlocks(dense).inputs(IDS)[0], attention_mask=None)
    inputs = [first(hidden)[i : i + 1] for i in range(len(IDS))]
    norms = [second.self_attn_layer_norm(x).reshape(-1, 32) for x in inputs]
    wanda(second.self_attn.q_proj.weight.data, norms)

    mask = whole.masks["model.decoder.layers.1.self_attn.q_proj"]
    assert not torch.equal(mask, second.self_attn.q_proj.weight != 0)


def test_rows_describe_every_matrix():
    """change = |W - W'| / |W|: half of the entries gone, so the norm of what is gone."""
    module = opt().requires_grad_(False)
    dense = {name: weight.clone() for name, weight in module.named_parameters()}

    pruned = prune(module, criterion="magnitude")

    assert len(pruned.rows) == 18
    for row in pruned.rows:
        before, after = dense[row["name"]], module.get_parameter(row["name"])
        assert row["zeros"] == int((after == 0).sum()) == before.numel() // 2
        assert row["change"] == pytest.approx(float((before - after).norm() / before.norm()), 1e-5)
        assert row["block"] == int(row["name"].split(".")[3])


def test_rows_without_a_weight_are_counted():
    module = opt()
    module.model.decoder.layers[0].fc1.weight.data[5] = 0.0

    assert prune(module, criterion="magnitude").n_zero_rows >= 1


@pytest.mark.parametrize("criterion", ["magnitude", "wanda"])
def test_every_window_and_matrix_gives_way_to_signals(criterion):
    """Three blocks of six matrices, four windows: the statistics, and the outputs of each."""
    seen = []

    def shown(items, label):
        seen.append((label, len(items)))
        return items

    method = Method(sparsity=0.5, criterion=criterion)
    prune_model(LoadedBlocks(opt()), method, IDS, lambda name: torch.Generator(), shown)

    looks = [("statistics", 4), ("matrices", 6), ("outputs", 4)]
    block = looks if criterion == "wanda" else [("matrices", 6)]
    assert seen == [("prune", 3), *3 * block]
