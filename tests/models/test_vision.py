"""Image classifiers: shapes, counted weights, drawn initial values, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from iterun.config.compose import compose, to_plain
from iterun.config.menu import serving
from iterun.errors import ConfigError
from iterun.launch import builders
from iterun.models import vision
from iterun.models.classifier import prunable
from iterun.types import Architecture, LanguageModel

CIFAR = (3, 32, 32)


def settings_of(name: str) -> dict[str, Any]:
    node = to_plain(compose(["task=prune/lth", f"model={name}"]))["model"]
    return builders.settings_of(node, "model")


def plan(name: str, place, **changes) -> vision.Classifier:
    return vision.load(Architecture, place, **(settings_of(name) | changes))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("name", "shape", "n_classes", "n_weights", "n_prunable"),
    [
        ("mlp6x64", (1, 8, 8), 10, 6 * 64 * 64 + 640, 6 * 64 * 64),
        ("lenet", (1, 28, 28), 10, 784 * 300 + 300 * 100 + 1000, 784 * 300 + 300 * 100),
        ("resnet20", CIFAR, 10, 270896, 270896),
        ("vgg16", CIFAR, 10, 14715584, 14715584 - 5120),
    ],
)
def test_a_net_has_the_papers_weights_and_gives_logits(
    name, shape, n_classes, n_weights, n_prunable, place
):
    """ResNet-20 by hand: 432 + 13,824 + 50,688 + 202,752 in 3x3, 2,560 in shortcuts, 640 out."""
    found = plan(name, place)

    net = found.build(shape, n_classes, seeded())

    assert isinstance(found, Architecture)
    assert net(torch.zeros(2, *shape)).shape == (2, n_classes)
    assert sum(w.numel() for w in prunable(net, None).values()) == n_weights
    assert sum(w.numel() for w in prunable(net, found.output_layer).values()) == n_prunable


@pytest.mark.slow
@pytest.mark.parametrize(("name", "n_parameters"), [("vgg19", 20035018), ("resnet50", 25557032)])
def test_the_large_nets_have_the_published_size(name, n_parameters, place):
    shape, n_classes = (CIFAR, 10) if name == "vgg19" else ((3, 64, 64), 1000)

    net = plan(name, place).build(shape, n_classes, seeded())

    assert sum(p.numel() for p in net.parameters()) == n_parameters
    assert net(torch.zeros(2, *shape)).shape == (2, n_classes)


def test_weights_are_kaiming_normal_and_biases_zero(place):
    net = plan("resnet20", place).build(CIFAR, 10, seeded()).requires_grad_(requires_grad=False)

    for layer in net.modules():
        if isinstance(layer, nn.Conv2d) and layer.weight.numel() > 30000:
            spread = math.sqrt(2 / layer.weight[0].numel())
            assert float(layer.weight.std()) == pytest.approx(spread, rel=0.02)
        if isinstance(layer, nn.BatchNorm2d):
            assert 0 <= float(layer.weight.min()) < float(layer.weight.max()) <= 1
            assert not layer.bias.any()
    assert not net.output.bias.any()


def test_initial_weights_are_a_function_of_the_generator_alone(place):
    one, two, three = (
        plan("mlp6x64", place).build((1, 8, 8), 10, seeded(s)).state_dict() for s in (0, 0, 1)
    )

    assert all(torch.equal(value, two[name]) for name, value in one.items())
    assert not torch.equal(one["hidden1.weight"], three["hidden1.weight"])


def test_building_leaves_the_global_generator_alone(place):
    before = torch.get_rng_state()

    plan("resnet20", place, depth=8).build(CIFAR, 10, seeded())

    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", serving("vision"))
def test_no_classifier_serves_as_a_language_model(name, place):
    with pytest.raises(ConfigError, match=f"model={name} is an image classifier"):
        vision.load(LanguageModel, place, **settings_of(name))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"net": "vggg"}, "model.net=vggg is no net"),
        ({"net": "mlp", "depth": 2}, "model.width=None: model.net=mlp needs a whole number"),
        ({"net": "lenet", "depth": 2}, "model.depth=2: model.net=lenet has no such size"),
        ({"net": "mlp", "depth": 0, "width": 4}, "model.depth=0 is no size"),
        ({"net": "resnet", "depth": 21, "width": 16}, "model.depth=21 is not 6n"),
        ({"net": "vgg", "depth": 12, "width": 64}, "model.depth=12 is no VGG"),
    ],
)
def test_a_net_that_does_not_exist_is_refused(settings, message, place):
    with pytest.raises(ConfigError, match=message) as refused:
        vision.load(Architecture, place, name="own", **settings)

    assert refused.value.hint


@pytest.mark.parametrize("name", ["vgg16", "vgg19", "resnet50"])
def test_pictures_too_small_for_the_pools_are_refused(name, place):
    with pytest.raises(ConfigError, match=f"model={name} takes pictures from 32x32, not 8x8"):
        plan(name, place).build((1, 8, 8), 10, seeded())
