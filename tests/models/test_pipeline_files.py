"""Which files of a diffusion pipeline are fetched, and what is said where there are none."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
from hub_server import Repository, serving

from iterun.errors import ConfigError, UnavailableError
from iterun.models.pipeline_files import fingerprint, folder_of, lora_file, variant, wanted

if TYPE_CHECKING:
    from pathlib import Path

PARTS = {
    "unet": "diffusion_pytorch_model",
    "vae": "diffusion_pytorch_model",
    "text_encoder": "model",
}
INDEX = json.dumps({"_class_name": "StableDiffusionPipeline"} | {p: ["x", "y"] for p in PARTS})


def files(*, endings: tuple[str, ...] = ("safetensors",)) -> dict[str, bytes]:
    """The names of a published pipeline, with nothing in them."""
    found = {"model_index.json": INDEX.encode(), "tokenizer/vocab.json": b"{}", "README.md": b""}
    for part, name in PARTS.items():
        found[f"{part}/config.json"] = b"{}"
        found |= {f"{part}/{name}.{ending}": b"weights" for ending in endings}
    return found


EVERY = files(endings=("safetensors", "fp16.safetensors", "non_ema.safetensors", "bin"))


def saved(folder: Path, content: dict[str, bytes]) -> Path:
    for name, data in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture
def hub(monkeypatch):
    """A hub with a pipeline, one that is pickled, one that is gated, and an adapter."""
    lora = {"pytorch_lora_weights.safetensors": b"adapter", "README.md": b""}
    repositories = {
        "tiny/sd": Repository(EVERY),
        "tiny/pickled": Repository(files(endings=("bin",))),
        "tiny/gated": Repository(EVERY, gated=403),
        "tiny/lora": Repository(lora),
    }
    with serving(repositories) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def at(id: str, *, half: bool = False) -> Path:
    return folder_of({"name": id, "id": id}, half=half)


@pytest.mark.parametrize(("half", "marked"), [(True, True), (False, False)])
def test_one_set_of_weights_is_wanted_and_no_pickle(half, marked):
    names = wanted(list(EVERY), half=half)

    weights = [name for name in names if name.endswith("safetensors")]
    assert len(weights) == 3
    assert all((".fp16." in name) == marked for name in weights)
    assert {"model_index.json", "unet/config.json", "tokenizer/vocab.json"} <= set(names)
    assert not [name for name in names if name.endswith((".bin", ".md")) or "non_ema" in name]


def test_half_precision_is_taken_where_there_is_no_other_and_left_where_it_is_not_whole():
    assert variant(files(endings=("fp16.safetensors",)), half=False) == "fp16"
    torn = {name: b"" for name in EVERY if not name.startswith("vae/") or ".fp16." not in name}
    assert variant(torn, half=True) is None


def test_a_pipeline_is_fetched_once_and_serves_without_network(hub, monkeypatch):
    first = at("tiny/sd")
    seen = len(hub.requests)

    assert at("tiny/sd") == first
    assert hub.requests[seen:] == ["GET /api/models/tiny/sd"]
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert at("tiny/sd") == first
    assert not list(first.rglob("*.bin"))


@pytest.mark.parametrize(
    ("id", "said"),
    [
        ("tiny/nowhere", "the hub has nothing public named tiny/nowhere"),
        ("tiny/gated", "tiny/gated is gated"),
    ],
)
def test_what_the_hub_refuses_is_one_sentence_that_names_the_embedded_model(hub, id, said):
    with pytest.raises(UnavailableError) as caught:
        at(id)

    assert said in caught.value.message
    assert "model=digits-diffusion" in caught.value.hint


def test_without_network_the_embedded_model_is_named(monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")

    with pytest.raises(UnavailableError, match=r"model=a/b: a/b is not on this machine") as caught:
        at("a/b")

    assert caught.value.hint == "without network this works: model=digits-diffusion"


def test_a_pickled_pipeline_is_refused(hub):
    with pytest.raises(ConfigError, match="has no safetensors of its unet"):
        at("tiny/pickled")


def test_a_folder_is_refused_that_is_none_or_torn(tmp_path):
    with pytest.raises(ConfigError, match=r"model=x: .* is no diffusion pipeline"):
        folder_of({"name": "x", "folder": str(tmp_path)}, half=False)
    saved(tmp_path, {"model_index.json": b"{"})
    with pytest.raises(ConfigError, match=r"model_index\.json cannot be read"):
        folder_of({"name": "x", "folder": str(tmp_path)}, half=False)
    with pytest.raises(ConfigError, match=r"model\.id is empty"):
        folder_of({"name": "diffusers"}, half=False)


def test_a_folders_fingerprint_is_its_content(tmp_path):
    one, two = saved(tmp_path / "one", files()), saved(tmp_path / "two", files())
    marks = [fingerprint({"name": "x", "folder": str(folder)}) for folder in (one, two)]

    (two / "unet/config.json").write_text("{ }")

    assert marks[0] == marks[1] != fingerprint({"name": "x", "folder": str(two)})
    assert fingerprint({"name": "x", "id": "a/b"}) == "hub:a/b@main"


def test_an_adapter_comes_from_a_file_or_the_hub(hub, tmp_path):
    file = (
        saved(tmp_path, {"pytorch_lora_weights.safetensors": b""})
        / "pytorch_lora_weights.safetensors"
    )

    assert lora_file(f"file:{file}", "task.lora") == file
    assert lora_file("tiny/lora", "task.lora").read_bytes() == b"adapter"
    for nothing in ("file:nowhere.safetensors", f"file:{tmp_path}", str(file)):
        with pytest.raises(ConfigError, match="there is no safetensors file"):
            lora_file(nothing, "task.lora")


def test_no_torch_is_imported_to_look_for_files():
    import subprocess

    program = "import sys, iterun.models.pipeline_files; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "False"
