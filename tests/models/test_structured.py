"""Groups of heads and channels by family, and gates that switch them off."""

from __future__ import annotations

import pytest
import torch
from structured_models import IDS, logits, model, random_masks

from iterun.errors import ConfigError
from iterun.models.compact import zero_dead
from iterun.models.structured import (
    Gates,
    find_groups,
    parameter_masks,
    sparsity_rows,
    unprotected,
)
from iterun.models.structured_size import Size

FAMILIES = pytest.mark.parametrize("name", ["opt", "opt-untied", "llama", "gqa", "qwen2"])


def sizes(name: str) -> dict[str, dict[str, int]]:
    """Kind -> layer -> lines a unit, of block 0, and `n`."""
    return {
        group.kind: {m.layer.rpartition(".")[2]: m.size for m in group.members} | {"n": group.n}
        for group in find_groups(model(name))
        if group.block == 0
    }


def test_the_units_of_opt_are_its_heads_and_the_channels_of_fc1():
    heads = dict(q_proj=12, k_proj=12, v_proj=12, out_proj=12, n=4)

    assert sizes("opt") == {"heads": heads, "channels": dict(fc1=1, fc2=1, n=40)}


def test_a_unit_of_grouped_queries_is_a_key_head_with_all_its_query_heads():
    heads = dict(q_proj=16, k_proj=8, v_proj=8, o_proj=16, n=3)

    assert sizes("gqa")["heads"] == heads
    assert sizes("gqa")["channels"] == dict(gate_proj=1, up_proj=1, down_proj=1, n=40)


def test_the_config_may_say_how_long_a_head_is():
    """4 heads of 10 in a model of width 48."""
    found = find_groups(model("llama", head_dim=10))[0]

    assert (found.n, [member.size for member in found.members]) == (4, [10] * 4)


@pytest.mark.parametrize(
    ("n", "open_blocks"),
    [(2, [0]), (4, [0, 1, 2]), (10, list(range(1, 9))), (21, list(range(2, 20)))],
)
def test_the_first_tenth_and_the_last_block_are_protected(n, open_blocks):
    found = unprotected(find_groups(model("opt", n, hidden_size=4, word_embed_proj_dim=4)))

    assert sorted({group.block for group in found}) == open_blocks


def test_a_model_of_one_block_has_nothing_to_prune():
    with pytest.raises(ConfigError, match="has 1 transformer block, the last") as refused:
        unprotected(find_groups(model("opt", 1)))

    assert "model=opt-mini" in refused.value.hint


@FAMILIES
def test_gates_compute_what_zeroed_matrices_do(name):
    """A unit that is switched off is gone from the sum, its biases too."""
    gated, zeroed = model(name), model(name)
    groups = find_groups(gated)
    kept = random_masks(groups)

    gates = Gates(gated, groups)
    for group_name, units in kept.items():
        gates.put(group_name, units)
    zero_dead(zeroed, groups, kept)

    torch.testing.assert_close(logits(gated), logits(zeroed), rtol=1e-4, atol=1e-4)
    dense = logits(model(name))
    assert (logits(gated) - dense).abs().max() > 0.01
    gates.remove()
    assert torch.equal(logits(gated), dense)


def test_gates_that_keep_all_change_nothing():
    module = model("gqa")
    before = logits(module)
    groups = find_groups(module)

    gates = Gates(module, groups)
    gates.put("0.heads", torch.tensor([True, False, True]))
    changed = logits(module)
    gates.put("0.heads", torch.ones(3, dtype=torch.bool))

    assert not torch.equal(changed, before)
    assert torch.equal(logits(module), before)


@FAMILIES
def test_a_unit_is_dead_in_all_its_matrices_or_in_none(name):
    module = model(name)
    groups = find_groups(module)
    kept = random_masks(groups)

    zero_dead(module, groups, kept)

    for group in groups:
        for member in group.members:
            layer = module.get_submodule(member.layer)
            lines = layer.weight if member.along == "rows" else layer.weight.T
            units = lines.reshape(group.n, -1)
            assert units.any(dim=1).tolist() == kept[group.name].tolist()
            if layer.bias is not None:
                biases = layer.bias.view(group.n, -1) if member.along == "rows" else layer.bias
                alive = biases.bool().any(dim=-1)
                wanted = kept[group.name].tolist() if member.along == "rows" else True
                assert alive.tolist() == wanted


@FAMILIES
def test_rows_and_masks_count_the_same_zeros(name):
    module = model(name)
    groups = unprotected(find_groups(module))
    kept = random_masks(groups)

    masks = parameter_masks(module, groups, kept)
    rows = sparsity_rows(module, kept)

    assert [row["name"] for row in rows if row["zeros"]]
    for row in rows:
        mask = masks[row["name"]]
        assert (row["rows"], row["columns"]) == tuple(mask.shape)
        assert row["zeros"] == int((~mask).sum())
        assert row["sparsity"] == row["zeros"] / mask.numel()
        if row["block"] == 2:
            assert row["zeros"] == 0
    biased = {n for n in masks if n.endswith("bias")}
    assert bool(biased) == (name.startswith("opt") or name == "qwen2")


def test_sizes_by_hand():
    """One head of 12 and two channels of a block of OPT go.

    A head: 12 rows of q, k, v (48 wide, a bias each) and 12 columns of out_proj; a channel: a row
    of fc1 with its bias and a column of fc2. Operations of 10 tokens: 20 an entry, 4·10² a query.
    """
    module = model("opt")
    groups = find_groups(module)[:2]
    size = Size(module, groups, 10)
    n = sum(parameter.numel() for parameter in module.parameters())
    head = torch.tensor([True, True, False, True])
    channels = torch.ones(40, dtype=torch.bool)
    channels[:2] = False

    found = size.of({"0.heads": head, "0.channels": channels})

    entries, biases = 4 * 12 * 48 + 2 * 2 * 48, 3 * 12 + 2
    assert found["params"] == n - entries - biases
    assert found["params_pct"] == pytest.approx(100 * found["params"] / n)
    matrices = 3 * (4 * 48 * 48 + 2 * 48 * 40) + 60 * 48  # and the head
    flops = 20 * matrices + 3 * 4 * 100 * 48
    assert size.n_flops == flops
    assert found["flops_pct"] == pytest.approx(100 - 100 * (20 * entries + 400 * 12) / flops)
    assert size.ratios({"0.heads": head, "0.channels": channels}) == {
        "ratio_heads": 1 / 4,
        "ratio_channels": 2 / 40,
    }


def test_gates_stop_the_gradients_of_what_is_off():
    module = model("opt")
    groups = find_groups(module)
    gates = Gates(module, groups)
    gates.put("0.channels", torch.arange(40) >= 10)
    weight = module.get_submodule("model.decoder.layers.0.fc1").weight.requires_grad_(True)

    module(input_ids=IDS).logits.square().sum().backward()

    rows = weight.grad.any(dim=1)
    assert not rows[:10].any()
    assert rows[10:].any()
