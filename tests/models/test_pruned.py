"""Artifacts of the prune family, written and read back."""

from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from iterun.models import mask_files
from iterun.models.lm import quiet_loading
from iterun.models.pruned import write_model
from iterun.models.recipe import untie_head
from iterun.models.sequential import LoadedBlocks, tied_head
from iterun.models.snapshot import ASSETS
from iterun.models.tensor_files import join_tensors, read_tensor, write_tensors

SHAPES = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=4)


@pytest.fixture
def module(opt_folder):
    with quiet_loading():
        return AutoModelForCausalLM.from_pretrained(opt_folder).eval()


def random_masks(shapes, seed: int) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return {f"layer{i}": torch.rand(shape, generator=draw) > 0.5 for i, shape in enumerate(shapes)}


@given(shapes=SHAPES, seed=st.integers(0, 99))
def test_bits_of_blocks_come_back_and_join_into_bytes(shapes, seed, tmp_path_factory):
    folder, masks = tmp_path_factory.mktemp("masks"), random_masks(shapes, seed)
    for name in ("a", "b"):
        mask_files.write_block_masks(folder / name, name, masks)

    found = mask_files.read_block_masks(folder / "a")
    mask_files.join_masks(folder / "all", [folder / "a", folder / "b"])

    assert all(torch.equal(found[f"a.{k}.weight"], mask) for k, mask in masks.items())
    whole = dict(mask_files.read_masks(folder / "all"))
    assert len(whole) == 2 * len(masks)
    assert all(torch.equal(whole[f"b.{k}.weight"], mask) for k, mask in masks.items())


def test_masks_are_bytes_of_one_and_zero_for_any_reader(tmp_path):
    masks = random_masks([(3, 5), (2, 4)], seed=0)

    shapes = {name: mask.shape for name, mask in masks.items()}
    mask_files.write_masks(tmp_path / "m", shapes, masks.values())

    found = load_file(tmp_path / "m")
    assert {mask.dtype for mask in found.values()} == {torch.uint8}
    assert all(torch.equal(found[name], mask.to(torch.uint8)) for name, mask in masks.items())


def test_a_model_of_block_files_loads_by_itself(module, tmp_path):
    source, tokenizer = LoadedBlocks(module), AutoTokenizer.from_pretrained(ASSETS / "opt-mini")
    paths = []
    for b, name in enumerate(source.block_names):
        paths.append(tmp_path / f"{b}.safetensors")
        state = source.load(b).state_dict()
        write_tensors(paths[-1], {f"{name}.{key}": value for key, value in state.items()})
    (folder := tmp_path / "model").mkdir()

    write_model(folder, source, paths, tokenizer)

    with quiet_loading():
        again, found = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert not found["missing_keys"]
    assert not found["unexpected_keys"]
    for name, value in module.state_dict().items():
        assert torch.equal(again.state_dict()[name], value)
    assert (
        AutoTokenizer.from_pretrained(folder)("def")["input_ids"] == tokenizer("def")["input_ids"]
    )


def test_block_files_are_linked_not_copied(module, tmp_path):
    source, path = LoadedBlocks(module), tmp_path / "0.safetensors"
    write_tensors(path, {"model.decoder.layers.0.fc1.bias": torch.zeros(4)})
    (folder := tmp_path / "model").mkdir()

    write_model(folder, source, [path], AutoTokenizer.from_pretrained(ASSETS / "opt-mini"))

    assert (folder / "model-block-000.safetensors").samefile(path)
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] > 0


def test_an_untied_head_is_a_copy_and_the_config_says_so(module):
    assert tied_head(module) == "lm_head.weight"

    untie_head(module)

    assert tied_head(module) is None
    assert torch.equal(module.lm_head.weight, module.get_input_embeddings().weight)
    assert not module.config.tie_word_embeddings


def test_a_revived_weight_is_noticed(module):
    name = "model.decoder.layers.0.fc1"
    mask = torch.zeros_like(module.get_submodule(name).weight, dtype=torch.bool)

    with pytest.raises(AssertionError, match=f"pruned weights of {name} are not 0"):
        mask_files.check_zeros(module, {name: mask})


def test_masks_of_one_block_are_put_on_it(module):
    block, name = module.model.decoder.layers[1], "model.decoder.layers.1"
    mask = torch.rand(block.fc2.weight.shape) > 0.5

    mask_files.put_masks(block, name, {f"{name}.fc2.weight": mask})

    assert torch.equal(block.fc2.weight != 0, mask)


def test_joined_tensors_carry_their_metadata(tmp_path):
    for name in "ab":
        write_tensors(tmp_path / name, {name: torch.full((2,), ord(name))})

    join_tensors(tmp_path / "both", [tmp_path / "a", tmp_path / "b"], {"lora_type": "mask_lora"})

    with safe_open(tmp_path / "both", framework="pt") as file:
        assert file.metadata()["lora_type"] == "mask_lora"
    assert read_tensor(tmp_path / "both", "b", torch.device("cpu")).tolist() == [98, 98]
