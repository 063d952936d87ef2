"""Turns become the text that the model's template makes of them."""

from __future__ import annotations

from typing import Any

import pytest
from local_models import CHATML

from iterun.errors import ConfigError
from iterun.models.chat.conversation import Conversation
from iterun.models.snapshot import ASSETS
from iterun.types import Message

NO_SYSTEM = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system turn') }}{% endif %}"
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('turns must alternate') }}{% endif %}[{{ m['content'] }}]{% endfor %}"
)


@pytest.fixture
def tokenizer() -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(ASSETS / "opt-mini")


def talk(tokenizer: Any, template: str | None) -> Conversation:
    tokenizer.chat_template = template
    return Conversation(name="m", tokenizer=tokenizer, config_ends=[1])


def turns(*contents: str, first: str = "user") -> list[Message]:
    roles = ["user", "assistant"] * len(contents)
    found = [Message(role=r, content=c) for r, c in zip(roles, contents, strict=False)]  # type: ignore[arg-type]  # of these words
    return [Message(role="system", content="S"), *found] if first == "system" else found


def test_a_template_is_followed(tokenizer: Any) -> None:
    assert talk(tokenizer, CHATML).prompt(turns("Hi", "Hello", "Bye")) == (
        "<s>user\nHi</s>\n<s>assistant\nHello</s>\n<s>user\nBye</s>\n<s>assistant\n"
    )


def test_a_system_turn_that_is_refused_joins_the_users(tokenizer: Any) -> None:
    assert talk(tokenizer, NO_SYSTEM).prompt(turns("Hi", "Ho", first="system")) == "[S\n\nHi][Ho]"


def test_turns_that_no_template_takes_are_named(tokenizer: Any) -> None:
    with pytest.raises(ConfigError, match="refuses turns of assistant, user: turns must alternate"):
        talk(tokenizer, NO_SYSTEM).prompt(turns("Hi", "Ho")[::-1])


def test_without_a_template_the_next_role_ends_a_reply(tokenizer: Any) -> None:
    plain = talk(tokenizer, None)

    assert plain.prompt(turns("Hi", "Ho", first="system")) == (
        "system: S\nuser: Hi\nassistant: Ho\nassistant:\n"
    )
    assert "\nuser:" in plain.stops
    assert talk(tokenizer, CHATML).stops == ()


def test_a_turns_end_is_found_in_the_vocabulary(tokenizer: Any) -> None:
    assert talk(tokenizer, CHATML).ends == {1}

    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_end|>"]})

    assert talk(tokenizer, CHATML).ends == {1, len(tokenizer) - 1}


def test_a_reply_keeps_its_leading_space_and_split_characters(tokenizer: Any) -> None:
    plain = talk(tokenizer, None)
    text = "The answer: ü is a letter,  twice "
    (ids,) = plain.tokens([text])

    for at in range(1, len(ids)):
        before, after = plain.text([], ids[:at]), plain.text(ids[:at], ids[at:])
        if "�" not in before + after:
            assert before + after == text
