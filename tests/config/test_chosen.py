"""Choices that stand for the first of several that is here."""

import pytest

from iterun.config import chosen
from iterun.config.compose import compose, to_plain


@pytest.fixture
def packaged(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Says whether SmolLM2 is at hand."""
    said = {"here": True}
    monkeypatch.setattr("iterun.models.lm.at_hand", lambda settings: said["here"])
    return said


@pytest.mark.parametrize(("here", "name"), [(True, "smollm2-135m"), (False, "program")])
def test_the_first_choice_at_hand_is_taken(
    packaged: dict[str, bool], here: bool, name: str
) -> None:
    packaged["here"] = here

    model = to_plain(compose(["task=prune", "model=local_chat"]))["model"]

    assert model["name"] == name
    assert "first_of" not in model


def test_what_is_chosen_can_be_set_like_any_model(packaged: dict[str, bool]) -> None:
    config = to_plain(compose(["task=prune", "model=local_chat", "model.revision=x"]))

    assert config["model"]["revision"] == "x"


def test_other_choices_stand_for_themselves() -> None:
    assert chosen.chosen("model", "opt-mini") is None
    assert chosen.chosen("model", "") is None
    assert chosen.chosen("task", "prune") is None
