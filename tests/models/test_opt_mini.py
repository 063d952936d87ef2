"""The shipped model: small, whole, and good enough that pruning hurts it."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

import pytest

from iterun.data import text
from iterun.models import lm
from iterun.models.perplexity import perplexity, windows
from iterun.models.snapshot import ASSETS
from iterun.types import LanguageModel

if TYPE_CHECKING:
    from iterun.types import Placement

FOLDER = ASSETS / "opt-mini"


def test_all_of_opt_mini_is_under_ten_megabytes() -> None:
    sizes = {path.name: path.stat().st_size for path in FOLDER.iterdir()}

    assert {"config.json", "tokenizer.json", "model.safetensors", "README.md"} <= set(sizes)
    assert sum(sizes.values()) < 10_000_000


def test_its_tokenizer_gives_any_text_back(place: Placement) -> None:
    tokenizer = lm.load(LanguageModel, place, name="opt-mini", asset="opt-mini").tokenizer
    strange = "  a\tdef f(x):\n\n    return 'ü 漢字 🙂' </s"

    ids = tokenizer(strange)["input_ids"]

    assert tokenizer.decode(ids) == strange
    assert max(ids) < 4096
    assert (tokenizer.pad_token, tokenizer.eos_token, tokenizer.model_max_length) == (
        "<pad>", "</s>", 256,
    )  # fmt: skip


@pytest.mark.skipif(platform.python_version() != "3.11.7", reason="the text is this Python's own")
def test_held_out_perplexity_is_what_the_model_card_says(place: Placement) -> None:
    model = lm.load(LanguageModel, place, name="opt-mini", asset="opt-mini")
    ids = windows(model.tokenizer, text.pydoc().text("test"), 128)

    got = perplexity(model.module, ids, 16)

    assert got < 55
    assert f"**{got:.2f}**" in (FOLDER / "README.md").read_text(encoding="utf-8")
