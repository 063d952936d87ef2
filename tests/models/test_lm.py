"""Local folders: what loads, and what every damaged one is told."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file, save_file

from iterun.errors import ConfigError
from iterun.models import lm
from iterun.models.snapshot import INDEX, WEIGHTS
from iterun.types import LanguageModel, Placement

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(opt_folder: Path, tmp_path: Path) -> Path:
    """A copy to be damaged."""
    return shutil.copytree(opt_folder, tmp_path / "copy")


def load(folder: Path, place: Placement) -> lm.CausalLM:
    model = lm.load(LanguageModel, place, name="./copy", folder=str(folder))
    assert isinstance(model, lm.CausalLM)
    return model


def test_a_loaded_model_is_frozen_and_in_eval_mode(folder: Path, place: Placement) -> None:
    model = load(folder, place)

    assert not model.module.training
    assert not any(p.requires_grad for p in model.module.parameters())
    assert {p.dtype for p in model.module.parameters()} == {torch.float32}
    assert isinstance(model, LanguageModel)
    assert len(model.blocks) == 2


def test_the_dtype_is_the_placements(folder: Path) -> None:
    model = load(folder, Placement(device="cpu", dtype="bfloat16", threads=1))

    assert {p.dtype for p in model.module.parameters()} == {torch.bfloat16}


def test_loading_leaves_transformers_own_settings_alone(folder: Path, place: Placement) -> None:
    from transformers.utils import logging

    before = logging.get_verbosity(), logging.is_progress_bar_enabled()

    load(folder, place)

    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before


def test_a_missing_folder_is_named(tmp_path: Path, place: Placement) -> None:
    with pytest.raises(ConfigError, match="there is no folder"):
        load(tmp_path / "nowhere", place)


def test_a_folder_without_config_is_no_model(folder: Path, place: Placement) -> None:
    (folder / "config.json").unlink()

    with pytest.raises(ConfigError, match=r"has no config\.json"):
        load(folder, place)


def test_a_folder_of_pickles_is_refused(folder: Path, place: Placement) -> None:
    (folder / WEIGHTS).rename(folder / "pytorch_model.bin")

    with pytest.raises(ConfigError, match=r"only pytorch_model\.bin, a pickle"):
        load(folder, place)


def test_absent_shards_are_named(folder: Path, place: Placement) -> None:
    (folder / WEIGHTS).unlink()
    names = [f"model-0000{k}-of-00004.safetensors" for k in range(1, 5)]
    (folder / INDEX).write_text(json.dumps({"weight_map": {n: n for n in names}}))

    with pytest.raises(ConfigError, match=r"lacks model-00001-of-00004.*and 1 more"):
        load(folder, place)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"weight_map": 3}'])
def test_a_damaged_index_is_named(folder: Path, place: Placement, content: str) -> None:
    (folder / INDEX).write_text(content)

    with pytest.raises(ConfigError, match=r"lacks a readable model\.safetensors\.index\.json"):
        load(folder, place)


def test_torn_weights_are_no_traceback(folder: Path, place: Placement) -> None:
    whole = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(whole[: len(whole) // 2])

    with pytest.raises(ConfigError, match=r"model=\./copy cannot be loaded from"):
        load(folder, place)


def test_absent_weights_are_never_made_up(folder: Path, place: Placement) -> None:
    weights = load_file(folder / WEIGHTS)
    name = next(name for name in weights if "fc1.weight" in name)
    save_file({n: w for n, w in weights.items() if n != name}, folder / WEIGHTS, {"format": "pt"})

    with pytest.raises(ConfigError, match=r"lacks the weights .*fc1\.weight"):
        load(folder, place)


def test_a_models_own_code_is_not_run(folder: Path, place: Placement) -> None:
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "model_type": "own",
        "auto_map": {"AutoConfig": "own.C", "AutoModelForCausalLM": "own.M"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text("raise SystemExit('this must not run')")

    with pytest.raises(ConfigError, match="cannot be loaded"):
        load(folder, place)


def test_another_form_is_refused_with_those_that_fit(folder: Path, place: Placement) -> None:
    with pytest.raises(ConfigError, match="cannot serve as dict") as refusal:
        lm.load(dict, place, name="opt-mini", kinds=["lm"], asset="opt-mini")

    assert "it serves as lm" in refusal.value.hint


def test_hf_without_an_id_asks_for_one() -> None:
    with pytest.raises(ConfigError, match=r"model\.id is empty") as refusal:
        lm.fingerprint({"name": None, "id": None})

    assert "model.id=" in refusal.value.hint


def test_the_fingerprint_follows_the_content_not_the_path(folder: Path, opt_folder: Path) -> None:
    same = [lm.fingerprint({"name": "m", "folder": str(f)}) for f in (folder, opt_folder)]
    (folder / "config.json").write_text("{}")

    assert same[0] == same[1]
    assert lm.fingerprint({"name": "m", "folder": str(folder)}) != same[0]
    assert lm.fingerprint({"name": "m", "id": "a/b"}) == "hub:a/b@main"


def test_finding_models_imports_no_torch() -> None:
    line = (
        "import sys; from iterun.models import lm; lm.available_offline();"
        "lm.fingerprint({'name': 'opt-mini', 'asset': 'opt-mini'});"
        "print([m for m in ('torch', 'transformers', 'huggingface_hub') if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
