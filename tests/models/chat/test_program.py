"""A program answers as a chat model would, each sample by a seed of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from server_chats import ask

from iterun.errors import ConfigError
from iterun.models.chat import program
from iterun.models.chat.counting import sample_seed
from iterun.types import ChatModel, LanguageModel, Programmed

if TYPE_CHECKING:
    from iterun.types import Placement, Request


def proposer(request: Request, seed: int) -> str:
    return f"{request.payload} {seed}"


def test_each_sample_has_a_seed_of_its_own(place: Placement) -> None:
    chat = program.load(ChatModel, place, name="program")
    chat.answer_with(proposer)

    [one, two] = chat.generate([ask("a", payload=1, seed=3, n=2), ask("b", payload=2, seed=4)])

    seeds = [sample_seed(3, 0), sample_seed(3, 1), sample_seed(4, 0)]
    assert len(set(seeds)) == 3
    assert one.texts + two.texts == (f"1 {seeds[0]}", f"1 {seeds[1]}", f"2 {seeds[2]}")


def test_calls_are_counted_and_go_on_after_a_restore() -> None:
    times = iter(range(100))
    chat = program.ProgramChat("program", clock=lambda: float(next(times)))
    chat.answer_with(proposer)
    chat.generate([ask("a"), ask("b")])
    other = program.ProgramChat("program", clock=lambda: 0.0)
    other.answer_with(proposer)

    other.restore(chat.state())
    other.generate([ask("c")])

    assert (other.usage().calls, other.usage().seconds, other.usage().tokens_logical) == (3, 2, 0)


def test_a_reply_begins_as_asked() -> None:
    chat = program.ProgramChat("program")
    chat.answer_with(lambda request, seed: "4")

    assert chat.generate([ask("2+2?", prefix="So ")])[0].text == "So 4"


def test_a_system_without_a_program_says_so() -> None:
    with pytest.raises(ConfigError, match="model=program: this system has no program of its own"):
        program.ProgramChat("program").generate([ask("a")])


def test_it_is_a_chat_model_and_says_that_it_is_a_program(place: Placement) -> None:
    chat = program.load(Programmed, place, name="program")

    assert isinstance(chat, ChatModel)
    assert isinstance(chat, Programmed)
    assert chat.kind == "program"
    with pytest.raises(ConfigError, match="no probabilities"):
        chat.score(ask("a"), ["b"])
    with pytest.raises(ConfigError, match="cannot serve as LanguageModel"):
        program.load(LanguageModel, place, name="program")
