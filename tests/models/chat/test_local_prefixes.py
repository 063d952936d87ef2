"""Kept prompts save work and change no bit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from local_models import ask, llama, llama_folder, mini, texts

from iterun.models.chat.network import Network
from iterun.models.chat.prefixes import BLOCK, Prefixes

if TYPE_CHECKING:
    from iterun.models.chat.local import LocalChat

TASK = "Color the vertices of this graph so that no edge has one color at both ends. " * 6
ROUNDS = [TASK + feedback for feedback in ("", "No: 0 and 1 are red.", "No: 2 and 3 are blue.")]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> LocalChat:
    return llama(llama_folder(tmp_path_factory.mktemp("models") / "llama"))


def prefixes(model: LocalChat, max_bytes: int = 1 << 30) -> Prefixes:
    return Prefixes(Network(model.module, "llama"), max_bytes)


def ids(*lengths: int) -> list[int]:
    """Tokens in runs: two prompts agree in the runs that they share from the left."""
    return [(7 * run + 3 * k) % 4000 + 2 for run, n in enumerate(lengths) for k in range(n)]


@torch.inference_mode()
@pytest.mark.parametrize("n", [1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK + 5])
def test_a_kept_prompt_has_the_bits_of_a_new_one(small: LocalChat, n: int) -> None:
    kept = prefixes(small)
    for other in (5, n + 1, n + BLOCK, n):  # some share blocks with it, one is the prompt itself
        kept.prefill(ids(other))

    again, new = kept.prefill(ids(n)), prefixes(small, 0).prefill(ids(n))

    assert torch.equal(again.logits, new.logits)
    for mine, its in zip(again.layers, new.layers, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(mine, its, strict=True))


@torch.inference_mode()
def test_blocks_compute_what_one_pass_does(small: LocalChat) -> None:
    prompt = ids(3 * BLOCK + 5)

    blocks = prefixes(small).prefill(prompt)

    whole = small.module(torch.tensor([prompt])).logits[0, -1]
    torch.testing.assert_close(blocks.logits, whole, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_only_the_tail_is_computed_anew(small: LocalChat) -> None:
    kept = prefixes(small)
    kept.prefill(ids(2 * BLOCK + 9))

    kept.prefill(ids(2 * BLOCK + 9, 20))

    assert kept.reused == 2 * BLOCK
    assert kept.computed == 2 * BLOCK + 9 + 29


@torch.inference_mode()
def test_memory_is_bounded_and_the_oldest_goes(small: LocalChat) -> None:
    one = prefixes(small)
    one.prefill(ids(BLOCK))
    kept = prefixes(small, 3 * one.nbytes)

    for start in (10, 20, 30, 10, 40):
        kept.prefill([start + k for k in range(BLOCK)])

    assert 0 < kept.nbytes <= 3 * one.nbytes
    kept.prefill([10 + k for k in range(BLOCK)])
    assert kept.reused == 2 * BLOCK  # 10 was asked for again before 40 came: 20 went


def replies(model: LocalChat, prompt: str) -> list[str]:
    asked = [ask(f"{prompt} {k}", max_tokens=8, temperature=1.0, seed=k, n=2) for k in range(2)]
    return texts(model, asked)


@pytest.mark.parametrize("megabytes", [512, 1, 0])
def test_a_resumed_model_says_what_the_other_did(megabytes: float) -> None:
    """To the last bit: scores, too, which tell of bits that no text shows."""
    through = mini(prefix_cache_mb=megabytes)
    for prompt in ROUNDS[:2]:
        replies(through, prompt)

    resumed = mini(prefix_cache_mb=512)

    assert replies(through, ROUNDS[2]) == replies(resumed, ROUNDS[2])
    ends = [" red", " green or blue", "\n"]
    assert through.score(ask(ROUNDS[2]), ends) == mini().score(ask(ROUNDS[2]), ends)
    assert (through.prefixes.reused > 0) == (megabytes > 0)
