"""What each subset trains, how the rate goes, and that zeros stay zeros."""

from __future__ import annotations

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, OPTConfig, OPTForCausalLM

from iterun.models.gradient_norms import GradientNorms
from iterun.models.recipe import PEAKS, Recipe, rate, small_parameters
from iterun.models.retrain import Retrainer, text_losses

IDS = torch.randint(1, 64, (4, 12), generator=torch.Generator().manual_seed(3))
LAYER = "model.decoder.layers.0.fc1"


def opt(dtype: torch.dtype = torch.float32) -> OPTForCausalLM:
    torch.manual_seed(0)
    config = OPTConfig(
        vocab_size=64, hidden_size=16, word_embed_proj_dim=16, ffn_dim=32, num_hidden_layers=1,
        num_attention_heads=2, max_position_embeddings=32,
    )  # fmt: skip
    return OPTForCausalLM(config).to(dtype).eval().requires_grad_(False)


def recipe(*train: str, **changes) -> Recipe:
    defaults = dict(lora_type="mask_lora", lora_r=2, lora_alpha=4, merge=True, lr=None, steps=10)
    return Recipe(train=train, **(defaults | changes))


def retrainer(module, *train: str, **changes) -> Retrainer:
    mask = module.get_submodule(LAYER).weight.abs() > 0.01
    module.get_submodule(LAYER).weight.data.mul_(mask)
    draw = torch.Generator().manual_seed(0)
    return Retrainer(module, recipe(*train, **changes), {LAYER: mask}, draw, GradientNorms(l1=True))


def train(trainer: Retrainer, steps: int = 3) -> None:
    is_text = torch.ones_like(IDS, dtype=torch.bool)
    for _ in range(steps):
        trainer.step(text_losses(trainer.root, IDS, is_text, 2))


def test_the_rate_rises_over_a_tenth_and_falls_towards_zero():
    """Of 20 steps two warm up; from then on it falls by 1/19 a step."""
    found = [rate(t, 20) for t in range(20)]

    assert found[:2] == [0.5, 1.0]
    assert found[2:] == pytest.approx([(20 - t) / 19 for t in range(2, 20)])
    assert rate(0, 1) == 1.0


@pytest.mark.parametrize(("subset", "names"), [
    ("biases", {"bias"}), ("norm", {"weight", "bias"}), ("embeddings", {"weight"}),
])  # fmt: skip
def test_small_subsets_are_what_their_names_say(subset, names):
    found = small_parameters(opt(), subset)

    assert {name.rpartition(".")[2] for name in found} == names
    assert len(found) == {"biases": 6, "norm": 6, "embeddings": 1}[subset]


def test_a_llama_has_norms_and_no_biases():
    config = LlamaConfig(
        vocab_size=8, hidden_size=8, intermediate_size=8, num_hidden_layers=1,
        num_attention_heads=1,
    )  # fmt: skip
    module = LlamaForCausalLM(config)

    assert small_parameters(module, "biases") == {}
    assert len(small_parameters(module, "norm")) == 3


@pytest.mark.parametrize("subset", ["biases", "norm", "embeddings", "head", "lora"])
def test_only_the_subset_changes(subset):
    module = opt()
    trainer = retrainer(module, subset)
    before = {name: value.clone() for name, value in module.named_parameters()}
    names = set(trainer.values)

    train(trainer)

    for name, value in module.named_parameters():
        own = name in names or name.endswith((".A", ".B"))
        assert torch.equal(value, before[name]) != own, name


def test_the_peak_rate_is_the_subsets_own_unless_one_is_given():
    assert recipe("biases").peaks() == PEAKS["biases"] == 5e-3
    assert recipe("biases", "lora").peaks() == "biases 0.005, lora 0.001"
    assert recipe("biases", "lora", lr=1e-4).peaks() == 1e-4


def test_the_first_step_of_adamw_moves_by_the_rate():
    """Adam's first step is lr · g / |g|: each bias with a gradient moves by 5e-3."""
    trainer = retrainer(opt(), "biases")
    before = trainer.values["model.decoder.layers.0.fc2.bias"].detach().clone()

    train(trainer, steps=1)

    moved = (trainer.values["model.decoder.layers.0.fc2.bias"].detach() - before).abs()
    assert float(moved.max()) == pytest.approx(5e-3, rel=1e-3)


def test_full_keeps_zeros_after_every_step():
    trainer = retrainer(opt(), "full")
    pruned = ~trainer.masks[LAYER]

    for _ in range(3):
        train(trainer, steps=1)
        assert not trainer.root.get_submodule(LAYER).weight[pruned].any()


@pytest.mark.parametrize("form", ["lora_prune", "scale_lora", "mask_lora"])
def test_merged_forms_keep_zeros_and_compute_what_they_did(form):
    trainer = retrainer(opt(), "lora", lora_type=form)
    pruned = ~trainer.masks[LAYER]
    train(trainer)
    with trainer.as_merged(), torch.no_grad():
        wanted = trainer.root(IDS).logits

    trainer.finish(merge=True)

    assert not trainer.root.get_submodule(LAYER).weight[pruned].any()
    torch.testing.assert_close(trainer.root(IDS).logits, wanted)


def test_an_unmerged_adapter_leaves_the_weight_as_it_was():
    module = opt()
    trainer = retrainer(module, "lora", lora_type="lora", merge=False)
    before = module.get_submodule(LAYER).base.weight.clone()

    train(trainer)
    trainer.finish(merge=False)

    assert torch.equal(module.get_submodule(LAYER).weight, before)


def test_half_precision_is_trained_through_a_float32_copy():
    """A step of 1e-6 is lost in bfloat16 biases of size 0.1, but not in their copy."""
    module = opt(torch.bfloat16)
    module.get_submodule(LAYER).bias.data.fill_(0.1)
    trainer = retrainer(module, "biases", lr=1e-6)

    train(trainer)

    value = trainer.values[f"{LAYER}.bias"]
    assert value.dtype == torch.float32
    assert (value != 0.1).any()
    assert torch.equal(module.get_submodule(LAYER).bias, value.bfloat16())


def test_padding_is_neither_read_nor_predicted():
    module = opt()
    short, padded = IDS[:1, :6], IDS[:1].clone()
    is_text = torch.arange(12)[None] < 6
    padded[:, 6:] = 0

    alone = text_losses(module, short, torch.ones(1, 6, dtype=torch.bool), 1)
    together = text_losses(module, padded, is_text, 1)

    torch.testing.assert_close(next(alone), next(together))


def test_parts_of_a_batch_add_up_to_its_loss():
    module, is_text = opt(), torch.arange(12)[None] < torch.tensor([[12], [4], [7], [2]])

    whole = sum(text_losses(module, IDS, is_text, 4))

    torch.testing.assert_close(sum(text_losses(module, IDS, is_text, 1)), whole)


def test_a_loss_that_is_not_finite_changes_nothing():
    trainer = retrainer(opt(), "biases")
    before = {name: value.detach().clone() for name, value in trainer.values.items()}

    loss = trainer.step([sum(v.sum() for v in trainer.values.values()) * float("inf")])

    assert loss != loss or loss in (float("inf"), float("-inf"))
    assert all(torch.equal(value, before[name]) for name, value in trainer.values.items())


def test_state_goes_on_where_it_stopped():
    whole, parts = retrainer(opt(), "biases", "lora"), retrainer(opt(), "biases", "lora")
    train(whole, 4)
    train(parts, 2)

    later = retrainer(opt(), "biases", "lora")
    later.restore(parts.state())
    train(later, 2)

    assert all(torch.equal(later.values[name], value) for name, value in whole.values.items())
