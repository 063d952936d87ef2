"""Latent-consistency distillation: its loss by hand, and what it may change."""

from __future__ import annotations

import copy

import pytest
import torch

from iterun.errors import ConfigError
from iterun.models import adapters
from iterun.models.digits_diffusion import DigitsDiffusion, Recipe
from iterun.models.digits_networks import Denoiser
from iterun.models.distillation import Distillation, Distiller
from iterun.ops.consistency import consistency, pseudo_huber
from iterun.ops.diffusion import alphas_bar, ddim_step, guided_eps, noised

RECIPE = {
    "variant": "lora", "lora_rank": 4, "lora_alpha": 4, "lr": 1e-3, "batch": 8, "loss": "huber",
    "huber_c": 1e-3, "ema": 0.95, "w_min": 0.0, "w_max": 0.0, "solver_steps": 50, "n_steps": 40,
}  # fmt: skip


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def model(seed=0):
    """A denoiser of random weights, none of them 0."""
    recipe = Recipe(train_steps=1, classifier_steps=1, seed=0)
    made = DigitsDiffusion(name="random", device=torch.device("cpu"), recipe=recipe)
    made.module, made.alphas_bar = Denoiser(), alphas_bar()
    draw = seeded(seed)
    for value in made.module.parameters():
        value.data = 0.1 * torch.randn(value.shape, generator=draw)
    made.module.eval().requires_grad_(requires_grad=False)
    return made


def batch(n=8):
    return torch.randn(n, 64, generator=seeded(7)), torch.arange(n) % 10


def trained(steps=3, **changes):
    teacher = model()
    distiller = Distiller(teacher, Distillation(**RECIPE | changes), seeded())
    draw = seeded(1)
    losses = [distiller.step(*batch(), draw) for _ in range(steps)]
    return teacher, distiller, losses


@pytest.mark.parametrize(("w_min", "w_max"), [(0.0, 0.0), (1.0, 2.0)])
def test_the_first_loss_is_the_formulas(w_min, w_max):
    """Before training the adapters do nothing: student, target and teacher are one network."""
    teacher, (x, label), abar, draw = model(), batch(), alphas_bar(), seeded(1)
    t = (torch.randint(50, (8,), generator=draw) + 1) * 20 - 1
    z = noised(x, abar[t], torch.randn(x.shape, generator=draw))
    w = w_min + (w_max - w_min) * torch.rand(8, generator=draw)
    after = (t - 20).clamp(min=0)
    z_after = ddim_step(z, guided_eps(teacher, z, t, label, w), abar[t], abar[after])
    ours = consistency(z, teacher.eps(z, t, label), t, abar[t])
    goal = consistency(z_after, teacher.eps(z_after, after, label), after, abar[after])

    _, _, losses = trained(1, w_min=w_min, w_max=w_max)

    assert losses[0] == pytest.approx(float(pseudo_huber(ours, goal, 1e-3)), rel=1e-5)


def test_only_the_adapters_change():
    before = {name: value.clone() for name, value in model().module.state_dict().items()}

    teacher, distiller, _ = trained()

    after = teacher.module.state_dict()
    base = {name.replace(".base_layer", ""): v for name, v in after.items() if ".lora_" not in name}
    assert base.keys() == before.keys()
    assert all(torch.equal(base[name], before[name]) for name in before)
    assert distiller.n_trained == 4 * 6336
    assert all(float(v.abs().max()) > 0 for name, v in after.items() if ".lora_B." in name)


def test_with_the_adapters_off_the_teacher_answers():
    teacher, distiller, _ = trained()
    (x, label), t = batch(), torch.full((8,), 500)

    with distiller.untrained():
        assert torch.equal(teacher.eps(x, t, label), model().eps(x, t, label))
    assert not torch.equal(teacher.eps(x, t, label), model().eps(x, t, label))


@pytest.mark.parametrize("alpha", [4, 10])
def test_saved_adapters_do_on_the_same_base_what_they_did(alpha):
    teacher, distiller, _ = trained(lora_alpha=alpha)
    (x, label), t, fresh = batch(), torch.full((8,), 500), model()

    adapters.load(fresh.module, distiller.tensors(), "task.lora=file:x")

    assert torch.allclose(fresh.eps(x, t, label), teacher.eps(x, t, label), atol=1e-5)
    assert not any(value.requires_grad for value in fresh.module.parameters())


def test_a_full_student_leaves_its_teacher_and_drags_its_target():
    teacher, distiller, _ = trained(variant="full")
    state = distiller.state()

    assert all(
        torch.equal(a, b)
        for a, b in zip(
            teacher.module.state_dict().values(), model().module.state_dict().values(), strict=True
        )
    )
    name = "leave.weight"
    start, student, target = (
        model().module.leave.weight,
        state["values"][name],
        state["target"][name],
    )
    assert 0 < float((target - start).norm()) < float((student - start).norm())


def test_a_full_student_is_told_its_guidance():
    _, distiller, _ = trained(20, variant="full", w_min=0.5, w_max=3.0)
    (x, label), t = batch(), torch.full((8,), 500)

    weak, strong = (distiller.eps(x, t, label, torch.full((8,), w)) for w in (0.5, 3.0))

    assert not torch.allclose(weak, strong)


@pytest.mark.parametrize("variant", ["lora", "full"])
def test_a_state_goes_on_to_the_same_bits(variant):
    _, whole, losses = trained(4, variant=variant)
    _, part, _ = trained(2, variant=variant)
    state = copy.deepcopy(part.state())
    again = Distiller(model(), Distillation(**RECIPE | {"variant": variant}), seeded(5))

    again.restore(state)
    draw = seeded(1)
    Distiller(model(), whole.recipe, seeded()).step(*batch(), draw)
    Distiller(model(), whole.recipe, seeded()).step(*batch(), draw)
    rest = [again.step(*batch(), draw) for _ in range(2)]

    assert rest == losses[2:]
    for name, value in whole.state()["values"].items():
        assert torch.equal(value, again.state()["values"][name])


def test_a_state_of_other_adapters_is_refused():
    _, distiller, _ = trained()
    other = Distiller(model(), Distillation(**RECIPE | {"lora_rank": 2}), seeded())

    with pytest.raises(ConfigError, match=r"task\.lora_rank=2: the state is of other adapters"):
        other.restore(distiller.state())


def test_a_loss_that_is_no_number_changes_nothing():
    _, distiller, _ = trained()
    before = [value.detach().clone() for value in distiller.values.values()]
    x, label = batch()

    loss = distiller.step(x * float("nan"), label, seeded())

    assert loss != loss
    assert all(map(torch.equal, before, distiller.values.values()))


def test_the_rate_rises_and_falls():
    rates = [Distillation(**RECIPE | {"n_steps": 100}).multiplier(i) for i in range(100)]

    assert rates[0] == pytest.approx(1 / 20)
    assert max(rates) == rates[20] == pytest.approx(1)
    assert rates[60] == pytest.approx(0.5)
    assert rates[99] == pytest.approx(1 / 80)


def test_adapters_of_another_model_are_refused():
    _, distiller, _ = trained()
    saved = distiller.tensors()
    wrong = {
        name: value[:, :-1] if name.endswith("A.weight") else value for name, value in saved.items()
    }

    with pytest.raises(ConfigError, match=r"task\.lora=x was made for another model: its layer"):
        adapters.load(model().module, wrong, "task.lora=x")
    with pytest.raises(ConfigError, match=r"task\.lora=x holds no adapters"):
        adapters.load(model().module, {"weight": torch.zeros(2)}, "task.lora=x")
