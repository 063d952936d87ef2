"""Replies made of choices, and scores: what the model thinks of given strings."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import pytest
from local_models import ask, llama, llama_folder, logprob, mini, prompt

from iterun.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from iterun.models.chat.local import LocalChat

WORDS = ("list", "tuple", "dictionary of lists")
TEMPLATE = (("a: ",), WORDS, ("\nb: ",), ("x", "xy", "return the value"), (".",))
QUESTION = "Say what a and b are."


@pytest.fixture(scope="module")
def model() -> LocalChat:
    return mini(batch_size=8)


def test_every_reply_fits_the_template(model: LocalChat) -> None:
    request = ask(QUESTION, choices=TEMPLATE, temperature=8.0, seed=0, n=20)

    (reply,) = model.generate([request])

    allowed = {"".join(pieces) for pieces in itertools.product(*TEMPLATE)}
    assert set(reply.texts) <= allowed
    assert len(set(reply.texts)) > 3
    assert (reply.constrained, set(reply.finish)) == (True, {"stop"})


def test_greedy_takes_the_likeliest_string_at_each_slot(model: LocalChat) -> None:
    """By passes over the whole text, without cache or batch."""
    said = prompt(model, ask(QUESTION))
    for piece in TEMPLATE:
        context = said
        said += max(piece, key=lambda option: logprob(model, context, option))

    (reply,) = model.generate([ask(QUESTION, choices=TEMPLATE)])

    assert prompt(model, ask(QUESTION)) + reply.text == said


def test_strings_are_drawn_with_their_probabilities(model: LocalChat) -> None:
    """A slot at T = 2: softmax of half the sums of log-probabilities; 400 draws, 4 deviations."""
    request = ask(QUESTION, choices=(("a:",), (" list", " tuple", " set of")), prefix="> ")
    context = prompt(model, request) + "a:"
    weights = [math.exp(logprob(model, context, w) / 2) for w in request.choices[1]]  # type: ignore[index]  # they are there

    drawn = [
        text
        for seed in range(4)
        for reply in model.generate(
            [ask(QUESTION, choices=request.choices, prefix="> ", temperature=2.0, seed=seed, n=100)]
        )
        for text in reply.texts
    ]

    for word, weight in zip(request.choices[1], weights, strict=True):  # type: ignore[index]  # they are there
        share = weight / sum(weights)
        deviation = math.sqrt(share * (1 - share) / len(drawn))
        assert drawn.count(f"> a:{word}") / len(drawn) == pytest.approx(share, abs=4 * deviation)


def test_templates_of_all_lengths_go_together(model: LocalChat) -> None:
    forms = [TEMPLATE, (("yes", "no"),), (("only this",),), (*TEMPLATE, ("\n",), WORDS)]
    asked = [
        ask(f"{QUESTION} {k}", choices=form, temperature=1.0, seed=3)
        for k, form in enumerate(forms)
    ]

    together = model.generate(asked)

    assert [model.generate([it])[0].texts for it in asked] == [it.texts for it in together]
    assert together[2].text == "only this"


def test_free_and_constrained_replies_come_back_in_order(model: LocalChat) -> None:
    free, held = ask("yield", max_tokens=5), ask(QUESTION, choices=(("yes", "no"),))

    replies = model.generate([free, held, free])

    assert [reply.constrained for reply in replies] == [False, True, False]
    assert replies[0].texts == replies[2].texts
    assert replies[1].text in ("yes", "no")


def test_a_model_with_a_template_fills_forms_as_well(tmp_path: Path) -> None:
    small = llama(llama_folder(tmp_path / "llama"))

    (reply,) = small.generate([ask(QUESTION, choices=TEMPLATE)])

    said = prompt(small, ask(QUESTION))
    for piece in TEMPLATE:
        context = said
        said += max(piece, key=lambda option: logprob(small, context, option))
    assert reply.text == said[len(prompt(small, ask(QUESTION))) :]


def test_scores_are_sums_of_log_probabilities(model: LocalChat) -> None:
    request, ends = ask(QUESTION, prefix="The"), [" list", " tuple of lists", " a"]

    scores = model.score(request, ends)

    expected = [logprob(model, prompt(model, request), end) for end in ends]
    assert scores == pytest.approx(expected, abs=1e-3)


def test_an_end_that_merges_with_the_prompt_is_compared_from_there(model: LocalChat) -> None:
    """The "The" + "se" is one token, so that all are scored from the "T" on."""
    request, ends = ask(QUESTION, prefix="The"), [" list", "se are"]

    scores = model.score(request, ends)

    expected = [logprob(model, prompt(model, ask(QUESTION)), "The" + end) for end in ends]
    assert scores == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("ends", [[], ["yes", ""]])
def test_there_must_be_something_to_score(model: LocalChat, ends: list[str]) -> None:
    with pytest.raises(ConfigError, match="empty continuation"):
        model.score(ask(QUESTION), ends)


def test_choices_that_do_not_fit_are_refused(model: LocalChat) -> None:
    long = ("list " * 300, "short")

    with pytest.raises(ConfigError, match="don't fit into the context"):
        model.generate([ask(QUESTION, choices=(long,))])
    with pytest.raises(ConfigError, match="don't fit into the context"):
        model.score(ask(QUESTION), list(long))
