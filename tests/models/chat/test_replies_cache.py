"""Replies are paid for once, equal requests get different ones, damage costs no run."""

from __future__ import annotations

import logging
import multiprocessing
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
from server_chats import ask, chat_on

from iterun.models.chat.replies_cache import FILE, RepliesCache
from iterun.types import Reply

if TYPE_CHECKING:
    from pathlib import Path

    from fault_server import Server


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ITERUN_CACHE", str(tmp_path / "own"))
    return tmp_path / "own" / "llm"


def asked(server: Server, **settings: Any) -> tuple[list[Reply], Any]:
    """What one run gets that asks the same thing three times, and another once."""
    with_count = iter(range(1000))
    server.writes = lambda body, j: f"sample {next(with_count)}"
    chat = chat_on(server, concurrency=1, **{"cache": "readwrite"} | settings)
    replies = chat.generate([ask("a"), ask("a"), ask("b")]) + chat.generate([ask("a")])
    usage = chat.usage()
    chat.close()
    return replies, usage


def test_a_second_run_sends_nothing_and_gets_the_same(server: Server, folder: Path) -> None:
    first, spent = asked(server)
    calls = server.calls
    second, saved = asked(server)

    assert [r.text for r in first] == [f"sample {k}" for k in range(4)]
    assert [(r.texts, r.finish, r.prompt_tokens) for r in second] == [
        (r.texts, r.finish, r.prompt_tokens) for r in first
    ]
    assert server.calls == calls == 4
    assert (saved.calls, saved.calls_cached, saved.tokens_prompt) == (0, 4, 0)
    assert saved.tokens_logical == spent.tokens_logical == 40


def test_a_resumed_run_goes_on_with_the_next_sample(server: Server, folder: Path) -> None:
    whole, _ = asked(server)
    chat = chat_on(server, cache="readwrite")
    chat.generate([ask("a"), ask("a")])
    resumed = chat_on(server, cache="readwrite")
    resumed.restore(chat.state())

    [third] = resumed.generate([ask("a")])
    chat.close()
    resumed.close()

    assert third.text == whole[3].text
    assert third.cached


@pytest.mark.parametrize(
    "change",
    [
        {"max_tokens": 8}, {"temperature": 1.0}, {"top_p": 0.5}, {"stop": ("x",)}, {"seed": 1},
        {"n": 2}, {"prefix": "x"}, {"choices": (("a", "b"),)}, {"json_schema": {"type": "object"}},
    ],
    ids=str,
)  # fmt: skip
def test_whatever_decides_a_reply_has_replies_of_its_own(
    server: Server, folder: Path, change: dict[str, Any]
) -> None:
    server.writes = lambda body, j: "{}"
    chat = chat_on(server, cache="readwrite")
    chat.generate([ask("a")])

    [other] = chat.generate([ask("a", **change)])
    chat.close()

    assert not other.cached


def test_other_models_have_replies_of_their_own(server: Server, folder: Path) -> None:
    asked(server)

    replies, _ = asked(server, id="other-model")

    assert not any(reply.cached for reply in replies)


def test_what_programs_alone_may_read_decides_no_reply(server: Server, folder: Path) -> None:
    asked(server)
    chat = chat_on(server, cache="readwrite")

    [reply] = chat.generate([ask("a", payload=object(), tag={"agent": "x"})])
    chat.close()

    assert reply.cached


def test_modes_read_and_off_write_nothing(server: Server, folder: Path) -> None:
    asked(server, cache="off")
    off = folder.exists()
    asked(server, cache="read")
    _, usage = asked(server)

    assert not off
    assert usage.calls_cached == 0
    assert asked(server, cache="read")[1].calls_cached == 4


def test_errors_are_not_kept(server: Server, folder: Path) -> None:
    from fault_server import Status

    server.faults = [Status(400)]
    chat = chat_on(server, cache="readwrite", max_error_rate=1)
    [failed] = chat.generate([ask("a")])
    chat.close()

    replies, _ = asked(server)

    assert failed.error
    assert not replies[0].cached


def test_a_damaged_file_is_told_and_the_run_goes_on(
    server: Server, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.mkdir(parents=True)
    (folder / FILE).write_bytes(b"no database at all" * 100)

    replies, usage = asked(server)

    assert [reply.finish for reply in replies] == [("stop",)] * 4
    assert usage.calls == 4
    assert len([r for r in caplog.records if r.levelno == logging.WARNING]) == 1
    assert FILE in caplog.text


def test_a_damaged_row_is_asked_for_again_and_mended(
    server: Server, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    asked(server)
    with sqlite3.connect(folder / FILE) as table:
        table.execute("UPDATE replies SET reply = '{\"texts\": []}'")
    table.close()

    _, usage = asked(server)
    _, after = asked(server)

    assert (usage.calls, after.calls) == (4, 0)
    assert "can't be read" in caplog.text


def test_a_folder_that_cannot_be_made_is_told(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("ITERUN_CACHE", str(tmp_path / "file"))

    _, usage = asked(server)

    assert usage.calls == 4
    assert "model.cache=off" in caplog.text


def _fill(folder: Path, who: int) -> None:
    cache = RepliesCache(folder, "readwrite")
    for k in range(200):
        cache.put(f"key {k}", Reply(texts=(f"{who}",), finish=("stop",)))
    cache.close()


@pytest.mark.slow
def test_two_processes_write_at_once(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    both = [spawn.Process(target=_fill, args=(tmp_path, who)) for who in (1, 2)]
    for one in both:
        one.start()
    for one in both:
        one.join()

    cache = RepliesCache(tmp_path, "read")
    found = [cache.get(f"key {k}") for k in range(200)]
    cache.close()

    assert [one.exitcode for one in both] == [0, 0]
    assert all(reply is not None and reply.text in "12" for reply in found)
