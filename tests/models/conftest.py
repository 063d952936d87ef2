"""A small random OPT, and a hub of one's own without any cache."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from iterun.models import opt
from iterun.models.snapshot import ASSETS
from iterun.types import Placement

if TYPE_CHECKING:
    from pathlib import Path

sys.path.insert(0, __file__.rpartition("/")[0])  # for hub_server: tests are not a package

PLACE = Placement(device="cpu", dtype="float32", threads=1)


@pytest.fixture
def place() -> Placement:
    return PLACE


@pytest.fixture(scope="session")
def opt_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random OPT of two blocks of width 32 as `save_pretrained` writes it."""
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("models") / "tiny-opt"
    shape = opt.config(
        "opt-mini", num_hidden_layers=2, hidden_size=32, word_embed_proj_dim=32, ffn_dim=64,
        num_attention_heads=2,
    )  # fmt: skip
    opt.random_model(shape).save_pretrained(folder)
    AutoTokenizer.from_pretrained(ASSETS / "opt-mini").save_pretrained(folder)
    return folder


@pytest.fixture(autouse=True)
def own_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("ITERUN_CACHE", str(tmp_path / "cache"))
