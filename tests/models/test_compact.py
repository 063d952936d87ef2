"""Compact models compute what the zeroed ones do, load, generate, and refuse what is damaged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file
from structured_models import IDS, logits, model, random_masks
from transformers import AutoModelForCausalLM, AutoTokenizer

from iterun.errors import ConfigError
from iterun.models.compact import layers_of, load_compact, shrink, zero_dead
from iterun.models.lm import load, quiet_loading
from iterun.models.perplexity import window_losses
from iterun.models.pruned import save_whole
from iterun.models.snapshot import ASSETS, fingerprint
from iterun.models.structured import find_groups
from iterun.models.structured_size import Size
from iterun.types import LanguageModel, StreamedLanguageModel

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

FAMILIES = pytest.mark.parametrize("name", ["opt", "opt-untied", "llama", "gqa", "qwen2"])
CPU, FLOAT32 = torch.device("cpu"), torch.float32


def exported(name: str, folder: Path) -> nn.Module:
    """A compact model in folder/compact; the zeroed one, which is in folder/model, is given."""
    module = model(name)
    groups = find_groups(module)
    kept = random_masks(groups)
    tokenizer = AutoTokenizer.from_pretrained(ASSETS / "opt-mini")
    zero_dead(module, groups, kept)
    for part in ("model", "compact"):
        (folder / part).mkdir()
    save_whole(folder / "model", module, tokenizer)
    cut = model(name)
    shrink(cut, groups, kept)
    save_whole(folder / "compact", cut, tokenizer)
    return module


@FAMILIES
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_logits_are_those_of_the_zeroed_model(name, attention, tmp_path):
    zeroed = exported(name, tmp_path)
    zeroed.set_attn_implementation(attention)

    compact = load_compact(tmp_path / "compact", CPU, FLOAT32)
    compact.set_attn_implementation(attention)

    assert (logits(compact) - logits(zeroed)).abs().max() < 1e-4
    with quiet_loading():
        plain = AutoModelForCausalLM.from_pretrained(
            tmp_path / "model", attn_implementation=attention
        )
    assert torch.equal(logits(plain), logits(zeroed))


@FAMILIES
def test_it_is_smaller_by_what_was_counted(name, tmp_path):
    zeroed = exported(name, tmp_path)
    dense = model(name)
    groups = find_groups(dense)
    counted = Size(dense, groups, 8).of(random_masks(groups))["params"]

    compact = load_compact(tmp_path / "compact", CPU, FLOAT32)

    n = sum(parameter.numel() for parameter in compact.parameters())
    assert n == counted < sum(parameter.numel() for parameter in zeroed.parameters())
    tensors = load_file(tmp_path / "compact/model.safetensors")
    assert sum(tensor.numel() for tensor in tensors.values()) == n
    assert not any(parameter.requires_grad for parameter in compact.parameters())


@pytest.mark.parametrize("name", ["opt", "llama", "gqa"])
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_it_generates_with_a_cache_what_the_zeroed_model_does(name, attention, tmp_path):
    zeroed = exported(name, tmp_path)
    compact = load_compact(tmp_path / "compact", CPU, FLOAT32)
    rule = dict(max_new_tokens=5, min_new_tokens=5, do_sample=False, pad_token_id=0)
    found = []
    for module in (zeroed, compact):
        module.set_attn_implementation(attention)
        mask = torch.ones_like(IDS)
        found.append(module.generate(IDS, attention_mask=mask, use_cache=True, **rule))

    assert found[0].shape == (3, 17)
    assert torch.equal(*found)
    without = compact.generate(IDS, attention_mask=mask, use_cache=False, **rule)
    assert torch.equal(found[1], without)


def test_the_structure_says_what_is_kept(tmp_path):
    exported("gqa", tmp_path)
    kept = random_masks(find_groups(model("gqa")))

    found = json.loads((tmp_path / "compact/structure.json").read_text())

    assert [layer["name"] for layer in found["layers"]] == [f"model.layers.{b}" for b in range(3)]
    for b, layer in enumerate(found["layers"]):
        for kind in ("heads", "channels"):
            assert layer[kind] == kept[f"{b}.{kind}"].nonzero().flatten().tolist()
    assert found["config"]["num_key_value_heads"] == 3  # the dense model's
    assert "_name_or_path" not in found["config"]
    assert not (tmp_path / "compact/config.json").exists()


@pytest.mark.parametrize("name", ["opt", "gqa"])
def test_it_serves_as_any_model_in_memory_and_block_by_block(name, tmp_path, place):
    zeroed = exported(name, tmp_path)
    choice = {"name": "mine", "folder": str(tmp_path / "compact")}

    whole = load(LanguageModel, place, **choice)
    streamed = load(StreamedLanguageModel, place, **choice)

    wanted = window_losses(zeroed, IDS)
    torch.testing.assert_close(window_losses(whole.module, IDS), wanted, atol=1e-5, rtol=1e-5)
    shown = lambda items, label: items  # noqa: E731
    torch.testing.assert_close(streamed.losses(IDS, shown), wanted, atol=1e-5, rtol=1e-5)
    assert whole.context == streamed.context == 32
    assert fingerprint(choice) != fingerprint(choice | {"folder": str(tmp_path / "model")})


def test_a_compact_model_may_be_cut_and_saved_again(tmp_path):
    """The second cut's numbers are still those of the dense model."""
    exported("llama", tmp_path)
    compact = load_compact(tmp_path / "compact", CPU, FLOAT32)
    groups = find_groups(compact)
    before = layers_of(compact)
    kept = {group.name: torch.ones(group.n, dtype=torch.bool) for group in groups}
    kept["1.channels"][0] = False

    shrink(compact, groups, kept)
    (tmp_path / "again").mkdir()
    save_whole(tmp_path / "again", compact, AutoTokenizer.from_pretrained(ASSETS / "opt-mini"))
    again = load_compact(tmp_path / "again", CPU, FLOAT32)

    assert torch.equal(logits(again), logits(compact))
    after = layers_of(again)
    assert after[1].channels == before[1].channels[1:]
    assert [after[0], after[2]] == [before[0], before[2]]
    assert after[1].heads == before[1].heads


@pytest.mark.parametrize(("part", "value", "message"), [
    ("heads", [0, 9], "heads of layer 1 are not rising numbers below 4"),
    ("heads", [], "heads of layer 1 are not rising"),
    ("heads", [1, 0], "heads of layer 1 are not rising"),
    ("heads", [True, 2], "heads of layer 1 are not rising"),
    ("heads", "all", "heads of layer 1 are not rising"),
    ("channels", [3], "instead of"),
    ("name", "model.layers.7", "it names 3 layers"),
    ("more", 1, "unexpected keyword"),
])  # fmt: skip
def test_a_damaged_structure_is_refused(part, value, message, tmp_path):
    exported("llama", tmp_path)
    path = tmp_path / "compact/structure.json"
    found = json.loads(path.read_text())
    found["layers"][1][part] = value
    path.write_text(json.dumps(found))

    with pytest.raises(ConfigError, match=message) as refused:
        load_compact(tmp_path / "compact", CPU, FLOAT32)

    assert "prune/loraprune" in refused.value.hint


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"layers": [], "config": {"model_type": "no"}}'])
def test_a_structure_that_is_none_is_refused(text, tmp_path, place):
    exported("opt", tmp_path)
    (tmp_path / "compact/structure.json").write_text(text)

    with pytest.raises(ConfigError, match="no compact model that can be read"):
        load(LanguageModel, place, name="mine", folder=str(tmp_path / "compact"))


def test_plain_transformers_does_not_take_it_for_a_model_of_its_own(tmp_path):
    exported("opt", tmp_path)

    with pytest.raises((OSError, ValueError)):
        AutoModelForCausalLM.from_pretrained(tmp_path / "compact")


def test_half_precision_stays_half(tmp_path):
    exported("gqa", tmp_path)

    found = load_compact(tmp_path / "compact", CPU, torch.bfloat16)

    assert {parameter.dtype for parameter in found.parameters()} == {torch.bfloat16}
    assert logits(found).isfinite().all()
