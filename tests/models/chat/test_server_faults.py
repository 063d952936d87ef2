"""Every fault a server can have: tried again, given up, or told, as often as it should be."""

from __future__ import annotations

import email.utils
import time
from typing import TYPE_CHECKING

import fault_server
import pytest
from fault_server import (
    BROKEN,
    LIST,
    NO_CHOICES,
    NO_MESSAGE,
    NULL_CONTENT,
    TRUNCATED,
    WEB_PAGE,
    Choices,
    Hang,
    Reset,
    Status,
    choice,
)
from server_chats import NOW, Waits, ask, chat_on

from iterun.errors import ConfigError, ServerError
from iterun.models.chat.faults import retry_after

if TYPE_CHECKING:
    from fault_server import Fault, Server


def test_limits_and_errors_of_the_server_are_waited_out(server: Server) -> None:
    server.faults = [Status(429, {"Retry-After": "1"}), Status(500), Status(503)]
    waits = Waits()

    [reply] = chat_on(server, waits).generate([ask("hello")])

    assert (reply.text, reply.finish, server.calls) == ("hello [None.0]", ("stop",), 4)
    assert reply.retries == 3
    assert 1 <= waits.seconds[0] <= 1.5
    assert all(0 <= s <= most for s, most in zip(waits.seconds[1:], (1, 2), strict=True))


def test_a_server_that_never_recovers_is_tried_so_often_and_no_more(server: Server) -> None:
    server.always = Status(500, message="out of order")
    chat = chat_on(server, attempts=4, max_error_rate=1)

    [reply] = chat.generate([ask("hello", n=2)])

    assert (server.calls, reply.finish, reply.retries) == (4, ("error", "error"), 3)
    assert "out of order" in reply.error
    assert server.url in reply.error
    assert chat.usage().errors == 1


@pytest.mark.parametrize("status", [401, 402, 403, 404])
def test_a_refused_key_or_unknown_model_is_said_at_once(
    server: Server, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", key := "abcdefgh12345678")
    server.always = Status(status, message=f"not with {key}")

    with pytest.raises(ConfigError) as caught:
        chat_on(server, api_key_env="TEST_KEY", concurrency=1).generate([ask("a"), ask("b")])

    assert server.calls == 1
    assert "TEST_KEY" in caught.value.message
    assert server.url in caught.value.message
    assert key not in repr(caught.value) + caught.value.message + caught.value.hint
    assert caught.value.__suppress_context__  # what the client raised shows what the server said


def test_a_request_that_is_refused_spoils_no_other(server: Server) -> None:
    server.faults = [Status(400, message="too long a prompt")]

    replies = chat_on(server, concurrency=1).generate([ask("a"), ask("b"), ask("c")])

    assert [reply.finish[0] for reply in replies] == ["error", "stop", "stop"]
    assert "too long a prompt" in replies[0].error
    assert server.calls == 3


def test_a_spent_quota_is_not_waited_for(server: Server) -> None:
    server.always = Status(429, message="You exceeded your quota", code="insufficient_quota")

    [reply] = chat_on(server, max_error_rate=1).generate([ask("a")])

    assert (server.calls, reply.finish) == (1, ("error",))


@pytest.mark.parametrize(
    "fault",
    [BROKEN, TRUNCATED, WEB_PAGE, LIST, Reset(), NO_CHOICES, NULL_CONTENT, NO_MESSAGE],
    ids=["broken", "truncated", "page", "list", "reset", "no choices", "null", "no message"],
)
def test_what_is_no_reply_is_asked_for_again(server: Server, fault: Fault) -> None:
    server.faults = [fault]

    [reply] = chat_on(server).generate([ask("hello")])

    assert (reply.text, reply.retries, server.calls) == ("hello [None.0]", 1, 2)


def test_a_server_error_about_the_request_is_not_tried_again_but_answered_to(
    server: Server,
) -> None:
    """What llama.cpp's server for Python says to a schema, and to what it never takes."""
    said = """1 validation error: {'loc': ('body', 'response_format'), 'msg': "Input should"}"""
    server.faults = [Status(500, message=said)]

    [plain] = chat_on(server).generate([ask("go", choices=(("0:",), (" red", " blue")))])
    server.always = Status(500, message="1 validation error: {'loc': ('body', 'messages')}")
    [reply] = chat_on(server, max_error_rate=1).generate([ask("go")])

    assert (plain.retries, plain.constrained) == (0, False)
    assert (reply.retries, reply.finish, server.calls) == (0, ("error",), 3)


@pytest.mark.parametrize("fault", [WEB_PAGE, NULL_CONTENT, Reset()], ids=["page", "null", "reset"])
def test_what_never_becomes_a_reply_is_an_error_reply(server: Server, fault: Fault) -> None:
    server.always = fault

    [reply] = chat_on(server, attempts=3, max_error_rate=1).generate([ask("hello")])

    assert (reply.finish, server.calls) == (("error",), 3)
    assert server.url in reply.error


def test_a_reply_cut_at_max_tokens_is_kept_and_marked(server: Server) -> None:
    server.faults = [Choices([choice("half a sen", "length")]), Choices([choice(None, "length")])]
    chat = chat_on(server, concurrency=1)

    replies = chat.generate([ask("a"), ask("b")])

    assert [(r.text, r.finish[0]) for r in replies] == [("half a sen", "length"), ("", "length")]
    assert chat.usage().cut == 2


def test_a_server_that_is_silent_is_left_after_the_read_timeout(server: Server) -> None:
    server.always = Hang()
    began = time.monotonic()

    [reply] = chat_on(server, read_timeout=0.3, attempts=2, max_error_rate=1).generate([ask("a")])

    assert 0.6 <= time.monotonic() - began < fault_server.PATIENCE / 2
    assert "model.read_timeout" in reply.error


def test_a_server_that_is_not_there_is_named() -> None:
    with fault_server.serving() as gone:
        pass

    [reply] = chat_on(gone, attempts=2, max_error_rate=1).generate([ask("a")])

    assert gone.url in reply.error
    assert "connection" in reply.error


def test_too_many_failures_stop_the_run(server: Server) -> None:
    server.always = Status(500)

    with pytest.raises(ServerError) as caught:
        chat_on(server, attempts=1, concurrency=1).generate([ask(str(k)) for k in range(20)])

    assert caught.value.exit_status == 3
    assert "model.max_error_rate=0.5" in caught.value.message
    assert server.calls in (11, 12)  # one may be on its way already


def test_half_of_the_requests_may_fail(server: Server) -> None:
    server.faults = [Status(500)] * 2

    replies = chat_on(server, attempts=1, concurrency=1).generate([ask(str(k)) for k in range(4)])

    assert [reply.finish[0] for reply in replies] == ["error", "error", "stop", "stop"]


def test_on_error_fail_stops_at_the_first(server: Server) -> None:
    server.faults = [Status(500)]

    with pytest.raises(ServerError, match="on_error=fail"):
        chat_on(server, attempts=1, on_error="fail").generate([ask(str(k)) for k in range(9)])


def test_waits_are_asked_for_as_seconds_or_as_a_date() -> None:
    date = email.utils.formatdate(NOW + 7, usegmt=True)

    waits = [retry_after(text, lambda: NOW) for text in ("3", "0.5", date, "-1", "soon", "inf")]

    assert waits == [3, 0.5, 7, 0, None, None]
    assert retry_after("nan", lambda: NOW) is None
    assert retry_after(None, lambda: NOW) is None


def test_no_wait_is_longer_than_the_longest(server: Server) -> None:
    date = email.utils.formatdate(NOW + 3600, usegmt=True)
    server.faults = [Status(503, {"Retry-After": date}), Status(429, {"Retry-After": "900"})]
    waits = Waits()

    chat_on(server, waits, max_wait=20).generate([ask("a")])

    assert waits.seconds == [20, 20]


def test_waits_come_from_the_request_alone(server: Server) -> None:
    def waited(text: str) -> list[float]:
        server.faults = [Status(500)] * 5
        chat_on(server, waits := Waits()).generate([ask(text)])
        return waits.seconds

    assert waited("a") == waited("a") != waited("b")
