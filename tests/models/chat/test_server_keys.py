"""Keys come from the environment, go to the server, and are shown and written nowhere else."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from fault_server import Choices, Status, choice
from server_chats import ask, chat_on, openai_yaml

from iterun.errors import ConfigError, ConfigErrors
from iterun.models.chat import server as chat_server

if TYPE_CHECKING:
    from pathlib import Path

    from fault_server import Server

KEY = "sk-proj-0123456789abcdefABCDEF"


def faults_of(**settings: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        chat_server.fingerprint(openai_yaml() | {"id": "m"} | settings)
    errors = caught.value.errors if isinstance(caught.value, ConfigErrors) else [caught.value]
    return "\n".join(f"{error.message}; {error.hint}" for error in errors)


def test_the_key_of_the_environment_is_sent(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", KEY + "\n")
    server.key = KEY

    [reply] = chat_on(server, api_key_env="TEST_KEY").generate([ask("a")])

    assert reply.finish == ("stop",)


def test_a_server_without_keys_gets_none(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    chat_on(server, api_key_env=None).generate([ask("a")])

    assert KEY not in str(server.headers)


def test_a_missing_key_is_named_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_KEY", raising=False)
    far = type("Far", (), {"url": "https://example.org/v1"})()

    with pytest.raises(ConfigError) as caught:
        chat_on(far, api_key_env="TEST_KEY")

    assert "TEST_KEY" in caught.value.message
    assert "export TEST_KEY" in caught.value.hint


def test_a_key_with_characters_that_cannot_be_sent_is_refused(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", "“quoted”")

    with pytest.raises(ConfigError) as caught:
        chat_on(server, api_key_env="TEST_KEY")

    assert "quoted" not in caught.value.message


def test_a_server_that_repeats_the_key_puts_it_nowhere(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    monkeypatch.setenv("ITERUN_CACHE", str(tmp_path))
    caplog.set_level(logging.DEBUG)
    server.faults = [Status(500, message=KEY), Choices([choice(f"you are {KEY}")])]
    server.always = Status(400, message=f"bad {KEY}")
    chat = chat_on(server, api_key_env="TEST_KEY", cache="readwrite", concurrency=1)

    replies = chat.generate([ask("a"), ask("b")])
    chat.close()

    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert written
    assert not any(KEY.encode() in content for content in written)
    assert KEY not in str(replies) + str(chat.state()) + caplog.text + repr(vars(chat))
    assert [reply.finish[0] for reply in replies] == ["stop", "error"]


@pytest.mark.parametrize(
    "settings",
    [
        {"api_key": KEY},
        {"api_key_env": KEY},
        {"api_key_env": "hf_AbCdEfGhIjKlMnOp123456"},
        {"api_key_env": "aB3aB3aB3aB3aB3aB3aB3aB3aB3"},
        {"id": KEY},
        {"base_url": f"https://user:{KEY}@example.org/v1"},
        {"base_url": f"https://example.org/v1?api_key={KEY}"},
        {"base_url": f"https://{KEY}.example.org/v1"},
    ],
    ids=["setting", "variable", "hub", "mixed", "id", "password", "query", "host"],
)
def test_settings_that_hold_a_key_are_refused_and_not_repeated(settings: dict[str, str]) -> None:
    said = faults_of(**settings)

    assert not any(value in said for value in (*settings.values(), KEY))
    assert "model.api_key_env=" in said


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"id": None}, "model.id is empty"),
        ({"base_url": "localhost:8000"}, "model.base_url is no address"),
        ({"base_url": "http://[::1/v1"}, "model.base_url is no address"),
        ({"concurrency": 0}, "model.concurrency=0 is not"),
        ({"concurrency": 2.5}, "model.concurrency=2.5 is not"),
        ({"attempts": True}, "model.attempts=True is not"),
        ({"read_timeout": "long"}, "model.read_timeout=long is not"),
        ({"max_error_rate": float("nan")}, "model.max_error_rate=nan is not"),
        ({"on_error": "ignore"}, "model.on_error=ignore is none of record, fail"),
        ({"cache": "write"}, "model.cache=write is none of"),
        ({"price_in": -1}, "model.price_in=-1 is no price"),
        ({"continue_prefix": "yes"}, "model.continue_prefix=yes is neither"),
        ({"temprature": 1}, "model.temprature is no setting"),
    ],
    ids=str,
)
def test_faults_of_settings_are_named_as_typed(settings: dict[str, Any], said: str) -> None:
    assert said in faults_of(**settings)


def test_all_faults_are_told_together() -> None:
    said = faults_of(id=None, concurrency=0, cache="write")

    assert said.count("\n") == 2
