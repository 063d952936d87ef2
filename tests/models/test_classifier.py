"""Training under a mask: steps by torch's own SGD, zeros that stay, the same bits from anywhere."""

from __future__ import annotations

from itertools import chain

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from iterun.data.pictures import InMemory, flip_and_crop
from iterun.errors import ConfigError, DivergedError
from iterun.models import convnets
from iterun.models.classifier import Training, estimate_norms, evaluate, prunable, put, taken
from iterun.models.classifier_recipe import Batches, Recipe
from iterun.ops.rng import Generators

USUAL = {
    "steps": 12, "batch_size": 8, "lr": 0.1, "milestones": [0.5], "gamma": 0.1, "warmup": 2,
    "momentum": 0.9, "weight_decay": 0.01,
}  # fmt: skip
RECIPE = Recipe(**USUAL)


def pictures(n: int = 30, shape: tuple[int, int, int] = (3, 8, 8)) -> InMemory:
    draw = torch.Generator().manual_seed(0)
    pixels = torch.randn(n, *shape, generator=draw)
    return InMemory(pixels, torch.randint(3, (n,), generator=draw), None, flip_and_crop)


def net(kind: str = "resnet") -> nn.Module:
    made = convnets.CifarResNet(3, 1, 4, 3) if kind == "resnet" else convnets.mlp(192, [8, 8], 3)
    return convnets.draw_(made, torch.Generator().manual_seed(1), norms="uniform")


def quietly(items, label):
    return items


def half(module: nn.Module) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(2)
    return {n: torch.rand(w.shape, generator=draw) < 0.5 for n, w in prunable(module, None).items()}


def training(module: nn.Module, masks, seed: int = 0, order=()) -> Training:
    batches = Batches(split=pictures(), size=8, draw=Generators(seed).torch, order=order)
    return Training(module, batches, RECIPE, masks)


def trained(module: nn.Module, masks, **changes) -> dict[str, torch.Tensor]:
    work = training(module, masks, **changes)
    work.begin(taken(module), 0)
    for _ in range(RECIPE.steps):
        work.advance()
    return taken(module)


def same(a, b) -> bool:
    return all(torch.equal(value, b[name]) for name, value in a.items())


@pytest.mark.parametrize("kind", ["mlp", "resnet"])
def test_a_step_is_that_of_torchs_sgd_with_weights_masked_after_it(kind):
    module, plain = net(kind), net(kind)
    masks = half(module)
    ours = trained(module, masks)

    named = dict(plain.named_parameters())
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
    batches = Batches(split=pictures(), size=8, draw=Generators(0).torch)
    mask = {name: named[name].data.mul_(kept) for name, kept in masks.items()}
    for t in range(RECIPE.steps):
        optimizer.param_groups[0]["lr"] = RECIPE.lr * RECIPE.multiplier(t)
        x, y = batches.at(t)
        optimizer.zero_grad()
        F.cross_entropy(plain(x), y).backward()
        optimizer.step()
        for name in mask:
            named[name].data.mul_(masks[name])

    for name, value in taken(plain).items():
        torch.testing.assert_close(ours[name], value, rtol=1e-4, atol=1e-5)


def test_what_a_mask_removed_stays_exactly_zero_and_the_rest_moves():
    module = net()
    masks, before = half(module), taken(module)

    after = trained(module, masks)

    for name, mask in masks.items():
        assert not after[name][~mask].any()
        assert not torch.signbit(after[name][~mask]).any()
        assert (after[name][mask] != before[name][mask]).float().mean() > 0.9


def test_a_state_from_before_norms_were_kept_is_taken_up():
    work = training(module := net(), half(module))
    work.begin(taken(module), 0)
    work.advance()
    state = work.state()
    del state["norms"]

    work.restore(state)

    assert work.step == 1


def test_a_training_taken_up_at_any_step_goes_on_with_the_same_bits():
    whole = trained(net(), half(net()))
    for k in (1, 5, 11):
        work = training(first := net(), half(first))
        work.begin(taken(first), 0)
        for _ in range(k):
            work.advance()
        state = work.state()

        other = training(module := net("resnet"), half(module))
        other.restore(state)
        for _ in range(RECIPE.steps - k):
            other.advance()

        assert same(taken(module), whole)


def test_the_same_order_gives_the_same_network_and_another_order_another():
    once, again = trained(net(), {}), trained(net(), {})
    other, seed = trained(net(), {}, order=("other",)), trained(net(), {}, seed=1)

    assert same(once, again)
    assert not same(once, other)
    assert not same(once, seed)


def test_a_mask_that_removes_nothing_changes_nothing():
    ones = {name: torch.ones_like(m) for name, m in half(net()).items()}

    assert same(trained(net(), ones), trained(net(), {}))


def test_an_epoch_holds_every_picture_once_and_the_next_is_in_another_order():
    """30 pictures in batches of 8: 8, 8, 8 and 6."""
    split = InMemory(torch.arange(30.0).view(30, 1, 1, 1), torch.zeros(30, dtype=torch.long))
    batches = Batches(split=split, size=8, draw=Generators(0).torch)

    first, second = (
        [batches.at(4 * epoch + t)[0].flatten().tolist() for t in range(4)] for epoch in (0, 1)
    )

    assert [len(batch) for batch in first] == [8, 8, 8, 6]
    assert sorted(chain(*first)) == sorted(chain(*second)) == list(range(30))
    assert first != second
    assert batches.at(2)[0].flatten().tolist() == first[2]


def test_the_loss_is_the_mean_of_the_last_epoch():
    """An epoch is 4 of 12 steps; a second training stops before each of them to look."""
    work = training(module := net(), {})
    work.begin(taken(module), 0)
    losses = []
    for t in range(RECIPE.steps):
        x, y = work.batches.at(t)
        state = work.state()
        losses.append(float(F.cross_entropy(module(x), y).detach()))
        work.restore(state)  # the look moved batch norms' statistics
        work.advance()

    assert work.loss == pytest.approx(sum(losses[-4:]) / 4)


def test_a_loss_that_is_no_number_ends_the_training():
    work = training(module := net("mlp"), {})
    work.begin({name: value * 1e30 for name, value in taken(module).items()}, 0)
    work.advance()

    with pytest.raises(DivergedError, match="in level 2, step 1") as error:
        work.check("level 2")
    assert error.value.hint == "lower the rate, as in task.lr=0.01"


def test_accuracy_and_loss_are_over_the_whole_split_whatever_the_chunks():
    module, split = net("mlp"), pictures(1100)
    x, y = split.batch(torch.arange(1100))

    found = evaluate(module, split, quietly)

    logits = module(x).detach()
    assert found.accuracy == float((logits.argmax(1) == y).double().mean())
    assert found.loss == pytest.approx(float(F.cross_entropy(logits, y)), rel=1e-5)


def test_norms_take_the_statistics_of_the_pictures_given():
    module, split = net(), pictures()
    index = torch.arange(20)

    estimate_norms(module, split, index, quietly)

    inner = module.conv(split.batch(index)[0]).detach()
    torch.testing.assert_close(module.norm.running_mean, inner.mean(dim=(0, 2, 3)))
    torch.testing.assert_close(module.norm.running_var, inner.var(dim=(0, 2, 3)))
    assert module.norm.momentum == 0.1


def test_every_pass_over_pictures_gives_way_to_signals():
    seen = []

    def shown(items, label):
        seen.append((label, len(items)))
        return items

    evaluate(net(), pictures(1100), shown)
    estimate_norms(net(), pictures(1100), torch.arange(600), shown)

    assert seen == [("evaluate", 3), ("norms", 2)]


def test_put_gives_back_the_bits_and_keeps_the_tensors():
    module = net()
    before, place = taken(module), module.conv.weight.data_ptr()
    trained(module, {})

    put(module, before)

    assert same(taken(module), before)
    assert module.conv.weight.data_ptr() == place


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "task.steps=0 is too small"),
        ({"warmup": 13}, "task.warmup=13 is longer than task.steps=12"),
        ({"lr": float("nan")}, "task.lr=nan is no rate"),
        ({"milestones": [0.5, 0.5]}, r"task.milestones=\[0.5,0.5\] are no rising shares"),
    ],
)
def test_a_recipe_yields_its_faults(changes, message):
    [fault] = Recipe(**(USUAL | changes)).check()

    with pytest.raises(ConfigError, match=message):
        raise fault
    assert fault.hint
