"""Models from a hub: fetched once, safetensors only, every refusal one sentence with a hint."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import torch
from hub_server import Hub, Repository, files_of, serving

from iterun.errors import ConfigError, UnavailableError
from iterun.models import lm
from iterun.models.fetch import wanted
from iterun.models.snapshot import INDEX
from iterun.types import LanguageModel, Placement

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def hub(opt_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    files = files_of(opt_folder)
    pickled = {name: data for name, data in files.items() if not name.endswith(".safetensors")}
    pickled["pytorch_model.bin"] = b"never opened"
    robots = {"refs/pr/3": files, "refs/pr/1": files}
    repositories = {
        "tiny/opt": Repository(files),
        "tiny/pickled": Repository(pickled, branches=robots, offers=(("evil", "refs/pr/1"),)),
        "tiny/offered": Repository(
            pickled, branches=robots, offers=(("SFconvertbot", "refs/pr/3"),)
        ),
        "tiny/gated": Repository(files, gated=403),
        "tiny/private": Repository(files, gated=401),
    }
    with serving(repositories) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def snapshot(id: str, revision: str | None = None) -> Path:
    return lm.snapshot({"name": id, "id": id, "revision": revision})


def test_a_hub_model_equals_the_folder_it_was_made_from(
    hub: Hub, opt_folder: Path, place: Placement
) -> None:
    here = lm.load(LanguageModel, place, name="here", folder=str(opt_folder))

    there = lm.load(LanguageModel, place, name="tiny/opt", id="tiny/opt")

    ids = torch.arange(20)[None]
    assert torch.equal(here.module(ids).logits, there.module(ids).logits)
    assert there.context == 256
    assert there.tokenizer("a b")["input_ids"] == here.tokenizer("a b")["input_ids"]


def test_a_second_load_fetches_nothing(hub: Hub) -> None:
    first = snapshot("tiny/opt")
    seen = len(hub.requests)

    assert snapshot("tiny/opt") == first
    assert hub.requests[seen:] == ["GET /api/models/tiny/opt"]


def test_a_fetched_model_loads_without_network(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    first = snapshot("tiny/opt")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")

    assert snapshot("tiny/opt") == first
    assert ("tiny/opt", str(first)) in lm.available_offline()


def test_a_pickled_model_is_refused_whoever_offers_to_convert_it(hub: Hub) -> None:
    with pytest.raises(ConfigError, match=r"only pytorch_model\.bin, a pickle") as refusal:
        snapshot("tiny/pickled")

    assert "model=opt-mini" in refusal.value.hint
    assert not [line for line in hub.requests if "/resolve/" in line]


def test_the_hubs_own_conversion_is_taken(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = snapshot("tiny/offered")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")

    assert (folder / "model.safetensors").is_file()
    assert snapshot("tiny/offered") == folder


@pytest.mark.parametrize("id", ["tiny/gated", "tiny/private"])
def test_a_gated_model_says_how_to_get_access(hub: Hub, id: str) -> None:
    with pytest.raises(UnavailableError, match=f"model={id}: {id} is gated") as refusal:
        snapshot(id)

    assert f"{hub.url}/{id}" in refusal.value.hint
    assert "hf auth login" in refusal.value.hint


def test_an_unknown_model_says_what_to_check(hub: Hub) -> None:
    with pytest.raises(UnavailableError, match="nothing public named tiny/optt") as refusal:
        snapshot("tiny/optt")

    assert "OWNER/NAME" in refusal.value.hint
    assert refusal.value.exit_status == 2


def test_an_unknown_revision_is_named(hub: Hub) -> None:
    with pytest.raises(ConfigError, match="tiny/opt has no such revision"):
        snapshot("tiny/opt", revision="v9")


def test_no_network_says_what_works_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")

    with pytest.raises(UnavailableError, match="facebook/opt-125m is not on this mach") as refusal:
        lm.snapshot({"name": "opt-125m", "id": "facebook/opt-125m"})

    assert refusal.value.hint.startswith("without network this works: model=opt-mini")


def test_an_impossible_id_is_refused_before_any_request(hub: Hub) -> None:
    with pytest.raises(ConfigError, match="neither a folder here nor a name on the hub"):
        snapshot("a/b/c")

    assert hub.requests == []


def test_a_second_copy_of_the_weights_is_not_fetched() -> None:
    shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    names = ["config.json", INDEX, *shards, "model.safetensors", "consolidated.safetensors",
             "pytorch_model.bin", "onnx/model.onnx", "original/tokenizer.model"]  # fmt: skip

    assert wanted(names) == ["config.json", INDEX, *shards]
    assert wanted(["model.safetensors", "model.fp16.safetensors"]) == ["model.safetensors"]


@pytest.mark.slow
def test_hf_endpoint_of_the_environment_is_where_models_come_from(hub: Hub) -> None:
    line = "from iterun.models import lm; print(lm.snapshot({'name': 'm', 'id': 'tiny/opt'}))"

    done = subprocess.run(
        [sys.executable, "-c", line], env={**os.environ}, capture_output=True, text=True, check=True
    )

    assert "models--tiny--opt" in done.stdout
