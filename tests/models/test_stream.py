"""Models left on disk compute what models in memory do, and leave the memory again."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, OPTConfig, OPTForCausalLM

from iterun.errors import ConfigError
from iterun.models.lm import quiet_loading
from iterun.models.perplexity import window_losses
from iterun.models.sequential import LoadedBlocks, advance
from iterun.models.snapshot import ASSETS
from iterun.models.stream import open_folder
from iterun.types import Placement

CPU = Placement(device="cpu", dtype="float32", threads=1)
IDS = torch.randint(0, 64, (3, 16), generator=torch.Generator().manual_seed(1))


def opt(**changes) -> OPTForCausalLM:
    sizes = dict(hidden_size=32, word_embed_proj_dim=32, ffn_dim=64, num_attention_heads=2)
    config = OPTConfig(vocab_size=64, num_hidden_layers=2, max_position_embeddings=32, **sizes)
    for name, value in changes.items():
        setattr(config, name, value)
    return OPTForCausalLM(config)


def llama() -> LlamaForCausalLM:
    config = LlamaConfig(
        vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=32,
        tie_word_embeddings=False,
    )  # fmt: skip
    return LlamaForCausalLM(config)


FAMILIES = {
    "opt": opt,
    "opt-350m": lambda: opt(word_embed_proj_dim=16, do_layer_norm_before=False),
    "llama": llama,
}


@pytest.fixture(params=FAMILIES)
def pair(request, tmp_path):
    """A model in memory, and the same one on disk in many shards."""
    torch.manual_seed(0)
    module = FAMILIES[request.param]().eval()
    with quiet_loading():
        module.save_pretrained(tmp_path, max_shard_size="20KB")
    AutoTokenizer.from_pretrained(ASSETS / "opt-mini").save_pretrained(tmp_path)
    return module, open_folder(tmp_path, "tiny", CPU)


def quietly(items, label):
    return items


def test_losses_are_those_of_the_model_in_memory_bit_for_bit(pair):
    module, streamed = pair

    found = streamed.losses(IDS, quietly)

    assert torch.equal(found, window_losses(module, IDS, batch_size=1))


def test_nothing_stays_in_memory_between_uses(pair):
    _, streamed = pair

    streamed.losses(IDS, quietly)
    streamed.load(1)
    streamed.release(1)

    assert all(parameter.is_meta for parameter in streamed.module.parameters())


def test_blocks_one_after_the_other_give_what_the_whole_model_gives(pair):
    module, streamed = pair
    hidden, kwargs = streamed.inputs(IDS)
    memory, arguments = LoadedBlocks(module).inputs(IDS)

    assert torch.equal(hidden, memory)
    for b in range(streamed.n_blocks):
        advance(streamed.load(b), hidden, kwargs, quietly)
        streamed.release(b)
        advance(LoadedBlocks(module).load(b), memory, arguments, quietly)
        assert torch.equal(hidden, memory)


def test_what_is_outside_of_the_blocks_is_the_same_as_in_memory(pair):
    module, streamed = pair

    wanted, found = LoadedBlocks(module).outside(), streamed.outside()

    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_a_saved_block_takes_the_place_of_the_files_own(pair, tmp_path):
    _, streamed = pair
    name = streamed.block_names[0]
    zeros = {f"{name}.{k}": torch.zeros_like(v) for k, v in streamed.load(0).state_dict().items()}
    save_file(zeros, tmp_path / "block.safetensors")

    streamed.release(0, tmp_path / "block.safetensors")

    assert not any(tensor.any() for tensor in streamed.load(0).state_dict().values())


def test_half_precision_on_disk_is_computed_in_the_asked_dtype(tmp_path):
    with quiet_loading():
        opt().half().save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(ASSETS / "opt-mini").save_pretrained(tmp_path)

    streamed = open_folder(tmp_path, "half", CPU)

    assert {p.dtype for p in streamed.load(0).parameters()} == {torch.float32}
    assert streamed.inputs(IDS)[0].dtype == torch.float32


def test_files_saved_from_the_base_model_lack_its_prefix_and_are_read(pair, tmp_path):
    _, streamed = pair
    wanted = streamed.losses(IDS, quietly)
    tensors = {
        k: v for path in tmp_path.glob("model-*.safetensors") for k, v in load_file(path).items()
    }
    for path in [*tmp_path.glob("model-*.safetensors"), tmp_path / "model.safetensors.index.json"]:
        path.unlink()
    save_file(
        {k.removeprefix("model."): v for k, v in tensors.items()}, tmp_path / "model.safetensors"
    )

    found = open_folder(tmp_path, "base", CPU).losses(IDS, quietly)

    assert torch.equal(found, wanted)


def test_a_missing_weight_is_named(pair, tmp_path):
    index = tmp_path / "model.safetensors.index.json"
    known = json.loads(index.read_text())
    name = next(key for key in known["weight_map"] if "layers.1" in key)
    del known["weight_map"][name]
    index.write_text(json.dumps(known))

    with pytest.raises(ConfigError, match="has no weights for") as refused:
        open_folder(tmp_path, "torn", CPU)

    assert name in refused.value.message


@pytest.mark.parametrize(("file", "content"), [
    ("model.safetensors.index.json", "{"),
    ("config.json", "{}"),
])  # fmt: skip
def test_a_damaged_folder_is_refused(file, content, pair, tmp_path):
    (tmp_path / file).write_text(content)

    with pytest.raises(ConfigError) as refused:
        open_folder(tmp_path, "torn", CPU)

    assert refused.value.hint
