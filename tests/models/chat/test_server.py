"""Many requests at once, their order, their samples, and what a server is told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from fault_server import PATIENCE, Choices, Hang, Status, choice
from server_chats import ask, chat_on, openai_yaml

from iterun.errors import ConfigError
from iterun.models.chat import server as chat_server
from iterun.models.chat.counting import sample_seed
from iterun.types import ChatModel, LanguageModel, Message, Request

if TYPE_CHECKING:
    from fault_server import Server

    from iterun.types import Placement


def test_as_many_requests_as_allowed_are_under_way_and_no_more(server: Server) -> None:
    together = threading.Barrier(4)
    server.hold = lambda body: together.wait(PATIENCE) and None  # type: ignore[func-returns-value]

    replies = chat_on(server, concurrency=4).generate([ask(str(k)) for k in range(12)])

    assert server.most_in_flight == 4
    assert [reply.text for reply in replies] == [f"{k} [None.0]" for k in range(12)]


def test_replies_are_in_order_however_they_come(server: Server) -> None:
    answered = [threading.Event() for _ in range(5)]
    answered[4].set()

    def last_first(body: dict[str, Any]) -> None:
        k = int(body["messages"][-1]["content"])
        answered[k + 1].wait(PATIENCE)
        answered[k].set()

    server.hold = last_first

    replies = chat_on(server, concurrency=4).generate([ask(str(k)) for k in range(4)])

    assert [reply.text for reply in replies] == [f"{k} [None.0]" for k in range(4)]


def test_an_interruption_does_not_wait_for_the_server(server: Server) -> None:
    server.always = Hang()
    chat = chat_on(server)

    def leave() -> None:
        if server.calls:
            raise KeyboardInterrupt

    chat.while_waiting = leave
    began = time.monotonic()

    with pytest.raises(KeyboardInterrupt):
        chat.generate([ask("a"), ask("b")])

    assert time.monotonic() - began < PATIENCE / 2


@pytest.mark.slow
def test_ctrl_c_ends_a_process_whose_calls_hang(server: Server) -> None:
    program = f"""
        import sys
        sys.path.insert(0, {os.path.dirname(__file__)!r})
        from server_chats import ask, chat_on
        from fault_server import Server
        chat_on(Server(url={server.url!r})).generate([ask(str(k)) for k in range(20)])
    """
    server.always = Hang()
    arrived = threading.Event()
    server.hold = lambda body: arrived.set()
    running = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        stderr=subprocess.PIPE, text=True, cwd=os.getcwd(), restore_signals=True,
    )  # fmt: skip
    assert arrived.wait(PATIENCE), running.stderr

    running.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, said = running.communicate(timeout=PATIENCE)

    assert time.monotonic() - began < PATIENCE / 2
    assert "KeyboardInterrupt" in said


def test_what_is_asked_is_what_is_sent(server: Server) -> None:
    system = Message(role="system", content="be brief")
    user = Message(role="user", content="why?")
    request = Request(
        messages=(system, user), max_tokens=9, temperature=0.7, top_p=0.9, stop=("\n",), seed=5
    )

    chat_on(server).generate([request])

    assert server.bodies == [
        {
            "model": "test-model",
            "messages": [
                {"role": "system", "content": "be brief"},
                {"role": "user", "content": "why?"},
            ],
            "max_tokens": 9,
            "temperature": 0.7,
            "top_p": 0.9,
            "stop": ["\n"],
            "seed": sample_seed(5, 0),
        }
    ]


def test_all_samples_come_from_one_call_where_the_server_gives_them(server: Server) -> None:
    [reply] = chat_on(server).generate([ask("a", n=3, seed=1)])

    seed = sample_seed(1, 0)
    assert reply.texts == (f"a [{seed}.0]", f"a [{seed}.1]", f"a [{seed}.2]")
    assert (reply.prompt_tokens, reply.completion_tokens, server.calls) == (7, 9, 1)


@pytest.mark.parametrize("why", ["ignored", "refused"])
def test_samples_that_are_missing_are_asked_for_with_seeds_of_their_own(
    server: Server, why: str
) -> None:
    server.one_at_a_time = True
    server.refuses = {"n"} if why == "refused" else set()
    chat = chat_on(server)

    [reply] = chat.generate([ask("a", n=3, seed=1)])

    assert reply.texts == tuple(f"a [{sample_seed(1, j)}.0]" for j in range(3))
    assert (reply.prompt_tokens, reply.completion_tokens) == (21, 9)
    assert (chat.usage().calls, chat.usage().tokens_logical) == (1, 30)


def test_a_request_that_nobody_could_answer_is_not_sent(server: Server) -> None:
    with pytest.raises(ConfigError, match="n=0 asks for no sample"):
        chat_on(server).generate([ask("a"), ask("b", n=0)])

    assert server.calls == 0


def test_half_a_surrogate_pair_can_be_asked_about_again(server: Server) -> None:
    server.faults = [Choices([choice("odd \ud800 text")])]
    chat = chat_on(server)

    [reply] = chat.generate([ask("a")])
    [again] = chat.generate([ask(reply.text)])

    assert again.text == "odd \ufffd text [None.0]"


def test_counts_go_on_after_a_restore(server: Server) -> None:
    server.faults = [Status(500)]
    chat = chat_on(server, price_in=1.0, price_out=2.0)
    chat.generate([ask("a"), ask("b")])

    other = chat_on(server, price_in=1.0, price_out=2.0)
    other.restore(json.loads(json.dumps(chat.state())))
    other.generate([ask("c")])

    usage = other.usage()
    assert (usage.calls, usage.retries, usage.tokens_prompt, usage.tokens_completion) == (
        3,
        1,
        21,
        9,
    )
    assert other.paid() == pytest.approx((21 + 2 * 9) / 1e6)
    assert chat_on(server).paid() is None


def test_proxies_are_not_asked_for_this_machine(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens there

    [reply] = chat_on(server, attempts=1).generate([ask("a")])

    assert reply.finish == ("stop",)


def test_a_server_scores_nothing(server: Server) -> None:
    with pytest.raises(ConfigError, match="scores no given texts"):
        chat_on(server).score(ask("a"), ["b"])


def test_the_settings_build_the_model_and_say_which_it_is(place: Placement) -> None:
    settings = openai_yaml() | {"id": "m", "base_url": "http://localhost:1/v1/", "cache": "off"}

    chat = chat_server.load(ChatModel, place, **settings)

    assert isinstance(chat, ChatModel)
    assert chat_server.fingerprint(settings) == "server:http://localhost:1/v1#m"
    assert settings.keys() >= chat_server.NO_NUMBERS
    with pytest.raises(ConfigError, match="cannot serve as LanguageModel"):
        chat_server.load(LanguageModel, place, **settings)
