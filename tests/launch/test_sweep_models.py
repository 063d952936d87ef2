"""What jobs of one process share: models as copies of their own, hashes, the state of the code."""

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from iterun.launch.kept import Kept
from iterun.store.reader import RunView
from iterun.types import Placement

CPU = Placement(device="cpu", dtype="float32", threads=1)
NODE = {"_target_": "iterun.models.lm.load", "name": "tiny"}


class Makes:
    """Makes models of 40 bytes, and counts them."""

    def __init__(self, *, draws: bool = False) -> None:
        self.n = 0
        self.draws = draws

    def __call__(self) -> nn.Module:
        self.n += 1
        if self.draws:
            random.random()
        model = nn.Linear(9, 1)
        with torch.no_grad():
            model.weight.fill_(1.0)
        return model


@pytest.fixture(autouse=True)
def _drawn_from_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a layer be made without random numbers."""
    monkeypatch.setattr(nn.Linear, "reset_parameters", lambda self: None)


def test_a_job_that_changes_its_model_spoils_no_other(tmp_path: Path) -> None:
    kept, make = Kept(tmp_path), Makes()

    for _ in range(3):
        model = kept.model(NODE, nn.Module, CPU, make)
        assert model.weight.detach().sum() == 9.0
        with torch.no_grad():
            model.weight.zero_()
    assert make.n == 1


@pytest.mark.parametrize(
    ("node", "form", "place"),
    [
        ({**NODE, "revision": "2"}, nn.Module, CPU),
        (NODE, nn.Linear, CPU),
        (NODE, nn.Module, Placement(device="cpu", dtype="bfloat16", threads=1)),
    ],
)
def test_another_model_form_or_place_is_another(
    node: Any, form: type, place: Placement, tmp_path: Path
) -> None:
    kept, make = Kept(tmp_path), Makes()
    kept.model(NODE, nn.Module, CPU, make)

    kept.model(node, form, place, make)
    assert make.n == 2


def test_other_content_under_the_same_name_is_another(tmp_path: Path) -> None:
    make = Makes()
    for content in ("a", "b"):
        kept = Kept(tmp_path)
        kept.fingerprint(NODE, lambda settings, content=content: content)
        kept.model(NODE, nn.Module, CPU, make)

    assert make.n == 2


def test_a_large_model_is_loaded_each_time(tmp_path: Path) -> None:
    kept, make = Kept(tmp_path, largest=39), Makes()

    kept.model(NODE, nn.Module, CPU, make)
    kept.model(NODE, nn.Module, CPU, make)
    assert make.n == 2


def test_the_one_asked_for_longest_ago_goes_first(tmp_path: Path) -> None:
    kept, make = Kept(tmp_path, most=80), Makes()
    for name in ("a", "b", "a", "c", "a"):
        kept.model({"name": name}, nn.Module, CPU, make)

    kept.model({"name": "b"}, nn.Module, CPU, make)
    assert make.n == 4


def test_a_model_that_draws_random_numbers_is_loaded_each_time(tmp_path: Path) -> None:
    kept, make = Kept(tmp_path), Makes(draws=True)

    kept.model(NODE, nn.Module, CPU, make)
    kept.model(NODE, nn.Module, CPU, make)
    assert make.n == 2


def test_hashes_and_code_are_looked_at_once(line: Any) -> None:
    line("-m", "task=mine/count", "data=pydoc", "seed=1,2")

    records = [RunView(run).record for run in line.runs]
    assert records[0].signature == records[1].signature
    assert records[0].git == records[1].git


@pytest.mark.long
@pytest.mark.slow
def test_a_copied_model_gives_the_same_bits_as_a_loaded_one(line: Any) -> None:
    prune = ["task=prune/perp", "debug=tiny", "backend.threads=1"]
    line("-m", *prune, "seed=1,2")
    line(*prune, "seed=2")

    first, copied, alone = ([it.metrics for it in RunView(run).iterations()] for run in line.runs)
    assert copied == alone
    assert first != copied
