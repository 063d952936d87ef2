"""What one server takes and another does not: tried, refused by name, and done without."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from fault_server import Status
from server_chats import ask, chat_on

if TYPE_CHECKING:
    from fault_server import Server


@pytest.mark.parametrize("argument", ["seed", "max_tokens", "temperature", "top_p"])
def test_what_a_server_does_not_take_is_left_away_from_then_on(
    server: Server, argument: str
) -> None:
    server.refuses = {argument}
    chat = chat_on(server, concurrency=1)

    replies = chat.generate([ask(text, seed=1, temperature=0.7, top_p=0.9) for text in "abc"])

    assert [reply.finish for reply in replies] == [("stop",)] * 3
    assert [argument in body for body in server.bodies] == [True, False, False, False]
    assert chat.state()["refused"] == [argument]


def test_a_number_of_tokens_that_is_too_large_is_not_sent_under_another_name(
    server: Server,
) -> None:
    server.always = Status(400, message="max_tokens is too large: the context is 2048 tokens")

    [reply] = chat_on(server, max_error_rate=1).generate([ask("a", max_tokens=9999)])

    assert (server.calls, reply.finish) == (1, ("error",))


def test_what_one_server_does_not_take_another_is_asked_for(server: Server) -> None:
    server.refuses = {"temperature"}
    chat = chat_on(server, concurrency=1)
    chat.generate([ask("a", temperature=0.7)])
    same, other = chat_on(server), chat_on(server, id="another")

    for one in (same, other):
        one.restore(chat.state())

    assert same.state()["refused"] == ["temperature"]
    assert other.state()["refused"] == []


DEFAULT_ALONE = (
    "Unsupported value: 'temperature' does not support 0.7 with this model. "
    "Only the default (1) value is supported."
)
OUT_OF_RANGE = "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, got 9."


@pytest.mark.parametrize(
    ("said", "finish", "sent"),
    [(DEFAULT_ALONE, "stop", [True, False]), (OUT_OF_RANGE, "error", [True])],
    ids=["the default alone", "out of range"],
)
def test_a_temperature_is_given_up_where_none_is_taken_and_not_where_it_is_too_high(
    server: Server, said: str, finish: str, sent: list[bool], caplog: pytest.LogCaptureFixture
) -> None:
    server.faults = [Status(400, message=said, param="temperature")]

    [reply] = chat_on(server, max_error_rate=1).generate([ask("a", temperature=0.7)])

    assert reply.finish == (finish,)
    assert ["temperature" in body for body in server.bodies] == sent
    assert ("does not take temperature" in caplog.text) is (finish == "stop")


COLORING = (("0: ",), ("red", "green"), ("\n1: ",), ("red", "green"))


def test_choices_become_a_schema_and_the_template_is_filled(server: Server) -> None:
    [reply] = chat_on(server).generate([ask("color it", choices=COLORING)])

    assert (reply.text, reply.constrained) == ("0: red\n1: red", True)
    shape = server.bodies[0]["response_format"]["json_schema"]["schema"]
    assert shape["required"] == ["blank_1", "blank_2"]
    assert shape["properties"]["blank_2"]["enum"] == ["red", "green"]


def test_choices_are_asked_for_in_words_where_no_schema_is_taken(server: Server) -> None:
    server.refuses = {"response_format"}
    server.writes = lambda body, j: "0: green\n1: red"
    chat = chat_on(server, concurrency=1)

    replies = chat.generate([ask("color it", choices=COLORING)] * 2)

    assert [(r.text, r.constrained) for r in replies] == [("0: green\n1: red", False)] * 2
    assert ["response_format" in body for body in server.bodies] == [True, False, False]
    said = server.bodies[-1]["messages"][-1]["content"]
    assert said.startswith("color it")
    assert '0: [1]\n1: [2]\n\n[1], [2]: "red" or "green"' in said


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ('{"blank_1": "green", "blank_2": "blue"}', '{"blank_1": "green", "blank_2": "blue"}'),
        ("I can't", "I can't"),
        ('```json\n{"blank_1": "green", "blank_2": "red"}\n```', "0: green\n1: red"),
    ],
    ids=["no choice", "no JSON", "fenced"],
)
def test_what_does_not_keep_to_the_schema_is_not_called_constrained(
    server: Server, written: str, text: str
) -> None:
    server.writes = lambda body, j: written

    [reply] = chat_on(server).generate([ask("color it", choices=COLORING)])

    assert (reply.text, reply.constrained) == (text, False)


SCHEMA = {
    "type": "object", "properties": {"x": {"type": "string", "enum": ["a"]}},
    "required": ["x"], "additionalProperties": False,
}  # fmt: skip


def test_a_schema_is_said_and_sent_where_it_is_taken(server: Server) -> None:
    [taken] = chat_on(server).generate([ask("go", json_schema=SCHEMA)])
    server.refuses = {"response_format"}
    server.writes = lambda body, j: '{"x": "a"}'
    [said] = chat_on(server).generate([ask("go", json_schema=SCHEMA)])

    assert (taken.text, taken.constrained) == ('{"x": "a"}', True)
    assert (said.text, said.constrained) == ('{"x": "a"}', False)
    assert all(json.dumps(SCHEMA) in b["messages"][-1]["content"] for b in server.bodies)


@pytest.mark.parametrize("written", ["{", json.dumps(SCHEMA), '{"x": "a", "y": 1}', "[1]"])
def test_what_is_no_json_of_the_schema_is_not_called_constrained(
    server: Server, written: str
) -> None:
    server.writes = lambda body, j: written

    [reply] = chat_on(server).generate([ask("go", json_schema=SCHEMA)])

    assert (reply.text, reply.constrained) == (written, False)


@pytest.mark.parametrize(
    ("written", "text"),
    [("  So 4", "So 4"), ("4", "4"), ("The answer: So 4", "The answer: So 4")],
    ids=["begins with it", "goes on from it", "elsewhere"],
)
def test_a_beginning_asked_for_in_words_is_never_put_into_the_models_mouth(
    server: Server, written: str, text: str
) -> None:
    server.writes = lambda body, j: written

    [reply] = chat_on(server).generate([ask("2 + 2?", prefix="So ")])

    assert reply.text == text
    assert server.bodies[0]["messages"][-1]["content"].endswith("\nSo ")


def test_a_server_that_goes_on_from_a_beginning_is_given_it(server: Server) -> None:
    server.writes = lambda body, j: "4"

    [reply] = chat_on(server, continue_prefix=True).generate([ask("2 + 2?", prefix="So ")])

    assert reply.text == "So 4"
    assert server.bodies[0]["messages"][-1] == {"role": "assistant", "content": "So "}
    assert server.bodies[0]["continue_final_message"] is True


def test_a_server_that_cannot_go_on_is_asked_in_words(server: Server) -> None:
    server.refuses = {"continue_final_message"}
    server.writes = lambda body, j: "4"

    [reply] = chat_on(server, continue_prefix=True).generate([ask("2 + 2?", prefix="So ")])

    assert reply.text == "4"
    assert [m["role"] for m in server.bodies[-1]["messages"]] == ["user"]


def test_replies_end_before_the_first_stop_of_any(server: Server) -> None:
    server.writes = lambda body, j: "one. two; three"
    stops = ("!", "?", "#", "%", ";", ".")

    [reply] = chat_on(server).generate([ask("go", stop=stops)])

    assert reply.text == "one"
    assert server.bodies[0]["stop"] == ["!", "?", "#", "%"]
