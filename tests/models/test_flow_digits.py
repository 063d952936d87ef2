"""The flow of digits: trained once, kept, the same for every seed; and its judges."""

from __future__ import annotations

import pytest
import torch

from iterun.data.digits_split import load_digits_split
from iterun.errors import ConfigError, DivergedError
from iterun.models import flow_digits
from iterun.models.flow_digits import FlowDigits, Velocity, course, fit_flow, load
from iterun.models.gradient_norms import GradientNorms
from iterun.types import DiffusionModel

QUICK = {"name": "flow-digits", "train_steps": 12, "classifier_steps": 12, "seed": 0}


class Shown:
    """Progress that notes what it was asked to show."""

    def __init__(self):
        self.labels = []

    def __call__(self, items, label):
        self.labels.append(label.split(",")[0])
        return iter(items)


def prepared(place, **changes):
    model, shown = load(FlowDigits, place, **QUICK | changes), Shown()
    model.prepare(shown)
    return model, shown.labels


def weights(model):
    return torch.cat([value.flatten() for value in model.module.state_dict().values()])


def test_a_flow_is_trained_once_and_then_read(place):
    first, trained = prepared(place, train_steps=13, classifier_steps=13)
    again, read = prepared(place, train_steps=13, classifier_steps=13)

    assert trained == ["training the digits flow", "training the digits classifier"]
    assert read == []
    assert torch.equal(weights(first), weights(again))
    assert sum(value.numel() for value in first.module.parameters()) == 181_056


def test_another_recipe_is_another_flow(place):
    first, other = prepared(place), prepared(place, seed=1)

    assert not torch.equal(weights(first[0]), weights(other[0]))
    settings = [
        QUICK,
        QUICK | {"train_steps": 5},
        QUICK | {"seed": 1},
        QUICK | {"classifier_steps": 5},
    ]
    assert len({flow_digits.fingerprint(one) for one in settings}) == 4


def test_training_again_gives_the_same_bits_whatever_was_drawn_before(place):
    one = flow_digits.train_flow(5, 0, Shown())
    torch.rand(7)
    other = flow_digits.train_flow(5, 0, Shown())

    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_the_second_judge_names_98_of_100_digits_that_it_has_not_seen(place):
    flow, _ = prepared(place)
    split = load_digits_split()

    right = flow.classes(flow.real()) == split.y_train

    assert float(right.double().mean()) > 0.97
    assert flow.logits(flow.real()[:4]).shape == (4, 10)
    assert flow.features(flow.real()[:4]).shape == (4, 32)


def test_pictures_are_samples_from_black_to_white(place):
    flow, _ = prepared(place)
    x = torch.linspace(-1, 1, 64)[None]

    picture = flow.decode(x)

    assert picture.shape == (1, 1, 8, 8)
    assert (float(picture.min()), float(picture.max())) == (0, 1)


def test_training_lowers_the_loss():
    draw = torch.Generator().manual_seed(0)
    model = Velocity()
    x = load_digits_split().x_train

    losses = [
        fit_flow(model, lambda draw: x[:128], range(40), n_steps=40, lr=2e-3, draw=draw)
        for _ in range(2)
    ]

    assert losses[1] < losses[0] < 1.3


def test_the_rate_rises_over_a_tenth_of_the_steps_and_100_at_most():
    """Of 20 steps over 2, of 4000 over 100; at the middle the cosine is a half."""
    few = [course(i, n_steps=20) for i in range(20)]
    many = [course(i, n_steps=4000) for i in range(4000)]

    assert few[0] == 0.5
    assert few[10] == pytest.approx(0.5)
    assert many[49] == pytest.approx(0.5, abs=1e-3)
    assert many[99] == max(many)
    assert many[-1] < 1e-6


def test_other_multipliers_take_the_place_of_the_rates_own_and_norms_are_seen():
    """Of no size, they train nothing."""
    x, norms = load_digits_split().x_train[:128], GradientNorms(l1=True)
    model = Velocity()
    before = [weight.clone() for weight in model.parameters()]

    fit_flow(
        model, lambda draw: x, range(3), n_steps=3, lr=1e-3, draw=torch.Generator(),
        multiplier=lambda step: 0.0, norms=norms,
    )  # fmt: skip

    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    state = norms.state()
    assert state["steps"] == [0, 1, 2]
    gradient = torch.cat([weight.grad.flatten() for weight in model.parameters()])
    assert state["grad_norm"][-1] == pytest.approx(float(gradient.norm()), rel=1e-5)
    assert state["grad_norm_l1"][-1] == pytest.approx(float(gradient.abs().sum()), rel=1e-4)


def test_a_loss_that_is_no_number_is_told():
    broken = torch.full((8, 64), torch.nan)

    with pytest.raises(DivergedError, match="loss is not a number"):
        fit_flow(
            Velocity(), lambda draw: broken, range(3), n_steps=3, lr=1e-3, draw=torch.Generator()
        )


@pytest.mark.parametrize("key", ["train_steps", "classifier_steps", "seed"])
def test_a_recipe_that_trains_nothing_is_refused(key, place):
    with pytest.raises(ConfigError, match=rf"model\.{key}=-1 is not a whole number"):
        load(FlowDigits, place, **QUICK | {key: -1})


def test_it_serves_as_a_flow_only(place):
    with pytest.raises(ConfigError, match="cannot serve as DiffusionModel"):
        load(DiffusionModel, place, **QUICK)
