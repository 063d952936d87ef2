"""Free replies of a model on this machine: right, alone or together, and counted."""

from __future__ import annotations

import copy
import logging
from typing import TYPE_CHECKING

import pytest
import torch
from local_models import PLACE, QUESTIONS, ask, generated, llama, llama_folder, mini, prompt, texts

from iterun.errors import ConfigError, DivergedError
from iterun.models import lm
from iterun.types import ChatModel, LanguageModel, Message, Request, Usage

if TYPE_CHECKING:
    from pathlib import Path

    from iterun.models.chat.local import LocalChat


@pytest.fixture(scope="module")
def opt_mini() -> LocalChat:
    return mini(batch_size=3)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> LocalChat:
    return llama(llama_folder(tmp_path_factory.mktemp("models") / "llama"), batch_size=3)


@pytest.mark.parametrize("name", ["opt_mini", "small"])
def test_greedy_replies_are_those_of_generate(name: str, request: pytest.FixtureRequest) -> None:
    """Six prompts through three rows: some end early, others are let in."""
    model: LocalChat = request.getfixturevalue(name)
    asked = [ask(q, max_tokens=3 + 5 * (k % 4)) for k, q in enumerate(QUESTIONS)]
    ended_by_turns = [generated(model, it) for it in asked]

    found = texts(model, asked)

    stops = model._talk.stops
    cut = [min([t.find(s) for s in stops if s in t], default=len(t)) for t in ended_by_turns]
    assert found == [text[:at] for text, at in zip(ended_by_turns, cut, strict=True)]
    assert len(set(found)) > 3


@pytest.mark.parametrize("name", ["opt_mini", "small"])
@pytest.mark.parametrize("top_p", [1.0, 0.9])
def test_a_sampled_reply_is_the_same_alone_and_among_others(
    name: str, top_p: float, request: pytest.FixtureRequest
) -> None:
    model: LocalChat = request.getfixturevalue(name)
    asked = [
        ask(q, max_tokens=12, temperature=0.8, top_p=top_p, seed=k) for k, q in enumerate(QUESTIONS)
    ]

    together = texts(model, asked)

    assert [texts(model, [it])[0] for it in asked] == together
    assert texts(model, asked[::-1])[::-1] == together


def test_samples_of_a_request_have_seeds_of_their_own(opt_mini: LocalChat) -> None:
    fields = {"max_tokens": 12, "temperature": 1.0, "seed": 5}

    three = texts(opt_mini, [ask("yield", n=3, **fields)])

    assert len(set(three)) == 3
    assert texts(opt_mini, [ask("yield", **fields)]) == three[:1]
    assert texts(opt_mini, [ask("yield", **fields | {"seed": 6})]) != three[:1]


def test_many_rows_do_as_few_do(opt_mini: LocalChat) -> None:
    asked = [ask(q, max_tokens=70, temperature=1.0, seed=k) for k, q in enumerate(QUESTIONS)]

    assert texts(mini(batch_size=16), asked) == texts(opt_mini, asked)


def test_a_reply_ends_before_a_stop_string(opt_mini: LocalChat) -> None:
    (whole,) = texts(opt_mini, [ask(QUESTIONS[1], max_tokens=30)])
    stop = whole[10:16]

    (reply,) = opt_mini.generate([ask(QUESTIONS[1], max_tokens=30, stop=("never seen", stop))])

    assert reply.text == whole[: whole.index(stop)]
    assert reply.finish == ("stop",)


def test_a_token_that_ends_a_turn_ends_the_reply(small: LocalChat) -> None:
    (whole,) = small.generate([ask(QUESTIONS[0], max_tokens=6)])
    prompted = torch.tensor([small._talk.tokens([prompt(small, ask(QUESTIONS[0]))])[0]])
    with torch.no_grad():
        first = int(small.module(prompted).logits[0, -1].argmax())
    ending = copy.deepcopy(small)
    ending._talk.ends = frozenset({first})

    (reply,) = ending.generate([ask(QUESTIONS[0], max_tokens=6)])

    assert whole.completion_tokens == 6
    assert (reply.text, reply.finish, reply.completion_tokens) == ("", ("stop",), 1)


def test_a_reply_begins_with_its_prefix_and_goes_on_with_the_space(opt_mini: LocalChat) -> None:
    (reply,) = opt_mini.generate([ask("Explain.", prefix="The return", max_tokens=8)])

    assert reply.text.startswith("The return ")
    assert reply.text == "The return" + generated(
        opt_mini, ask("Explain.", prefix="The return", max_tokens=8)
    )


def test_everything_is_counted_and_restored(small: LocalChat) -> None:
    model = copy.deepcopy(small)
    model.restore(vars(Usage()))
    asked = [ask("Why?", max_tokens=3), ask("Why?", max_tokens=5, n=2, temperature=1.0, seed=0)]

    replies = model.generate(asked)

    n = len(model._talk.tokens([prompt(model, asked[0])])[0])
    assert [reply.prompt_tokens for reply in replies] == [n, n]
    usage = model.usage()
    assert (usage.calls, usage.tokens_prompt, usage.cut) == (2, 2 * n, 3)
    assert usage.tokens_completion == 3 + 2 * 5
    assert usage.seconds > 0
    other = copy.deepcopy(small)
    other.restore(model.state())
    assert other.usage() == usage


def test_no_requests_have_no_replies(small: LocalChat) -> None:
    assert small.generate([]) == []


def test_a_copy_goes_its_own_way(small: LocalChat) -> None:
    asked = [ask(QUESTIONS[3], max_tokens=20)]
    before = texts(small, asked)

    copied = copy.deepcopy(small)
    assert texts(copied, asked) == before
    with torch.no_grad():
        copied.module.get_input_embeddings().weight.mul_(-1)  # type: ignore[operator]  # a module's

    assert texts(copied, asked) != before
    assert texts(small, asked) == before


def test_weights_that_change_make_kept_prompts_worthless(small: LocalChat) -> None:
    asked = [ask(QUESTIONS[3], max_tokens=20)]
    model, fresh = copy.deepcopy(small), copy.deepcopy(small)
    texts(model, asked)
    for it in (model, fresh):
        with torch.no_grad():
            it.module.get_input_embeddings().weight.mul_(-1)  # type: ignore[operator]  # a module's

    assert texts(model, asked) == texts(fresh, asked)


def test_logits_that_are_no_numbers_end_the_run(small: LocalChat) -> None:
    model = copy.deepcopy(small)
    with torch.no_grad():
        model.module.get_input_embeddings().weight.fill_(torch.nan)  # type: ignore[operator]  # a module's

    with pytest.raises(DivergedError, match="logits are not numbers"):
        model.generate([ask("Why?")])


def test_what_does_not_fit_is_named_with_its_lengths(opt_mini: LocalChat) -> None:
    long = ask("list " * 200, max_tokens=100, tag={"agent": "solver", "instance": 7})

    with pytest.raises(ConfigError, match=r"request of agent solver, instance 7: a prompt of \d+ "):
        opt_mini.generate([ask("Why?"), long])
    with pytest.raises(ConfigError, match=r"context of model=opt-mini, 256 tokens"):
        opt_mini.generate([ask("Why?", max_tokens=250)])


@pytest.mark.parametrize(
    ("setting", "said"),
    [({"batch_size": 0}, r"model\.batch_size=0"), ({"prefix_cache_mb": -1}, "is negative")],
)
def test_settings_are_judged_before_a_model_is_looked_for(
    setting: dict[str, int], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        lm.load(ChatModel, PLACE, name="./nowhere", folder="./nowhere", **setting)


def test_the_same_choice_serves_in_both_forms() -> None:
    model = lm.load(LanguageModel, PLACE, name="opt-mini", asset="opt-mini", batch_size=4)

    assert isinstance(model, LanguageModel)
    assert isinstance(mini(batch_size=4), ChatModel)


def test_a_model_without_template_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        model = mini()

    assert "model=opt-mini has no chat template" in caplog.text
    system, user = Message(role="system", content="Be brief."), Message(role="user", content="Why?")
    assert prompt(model, Request(messages=(system, user))) == (
        "system: Be brief.\nuser: Why?\nassistant:\n"
    )


def test_a_model_whose_memory_is_a_state_is_refused(opt_mini: LocalChat) -> None:
    copied = copy.deepcopy(opt_mini)
    copied.module._is_stateful = True  # type: ignore[assignment]  # as state-space models have it

    with pytest.raises(ConfigError, match="in the place of keys and values"):
        copy.deepcopy(copied)


def test_a_gguf_file_is_looked_for_where_it_is_said(tmp_path: Path) -> None:
    missing = str(tmp_path / "m.gguf")

    with pytest.raises(ConfigError, match=r"model\.gguf_file=.*: there is no such file"):
        lm.load(ChatModel, PLACE, name="hf", id="owner/name", gguf_file=missing)


class Leave(BaseException):
    """As what a run raises that is to end."""


@pytest.mark.parametrize("choices", [None, (("0:",), (" red", " green or blue"), ("\n",))])
def test_signals_are_heard_between_tokens_and_what_was_left_changes_no_bit(
    choices: tuple[tuple[str, ...], ...] | None,
) -> None:
    model, untouched = mini(batch_size=3), mini(batch_size=3)
    asked = [
        ask(q, max_tokens=12, temperature=1.0, seed=k, choices=choices)
        for k, q in enumerate(QUESTIONS)
    ]
    passes = 0

    def leave() -> None:
        nonlocal passes
        passes += 1
        if passes == 5:
            raise Leave

    model.while_waiting = leave
    with pytest.raises(Leave):
        model.generate(asked)

    assert model.usage() == Usage()
    assert texts(model, asked) == texts(untouched, asked)
    ends = [" red", " green or blue"]
    assert model.score(asked[1], ends) == untouched.score(asked[1], ends)
    assert passes > 12
