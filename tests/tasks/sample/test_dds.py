"""sample/dds: the sampler's arithmetic, what a run leaves, resumed and forked = uninterrupted."""

from __future__ import annotations

import dds_runs
import pytest
import torch
from dds_runs import DIGITS, phantoms, run
from PIL import Image
from scipy.sparse.linalg import LinearOperator, cg
from task_runs import EVERY_CHECKPOINT, artifacts, go_on_from, story

from iterun.data.phantoms import ellipses
from iterun.errors import ConfigError
from iterun.launch.fork import prepare
from iterun.models.rivals import TV_WEIGHTS, Rivals, best_weight, to_draw
from iterun.ops import kspace, operators, restoration
from iterun.ops.diffusion import alphas_bar, ddim_step
from iterun.ops.quality import psnr
from iterun.ops.restoration import Measured, Prior
from iterun.store.reader import RunView

RUNS = {
    "digits": DIGITS,
    "digits-noiseless": [*DIGITS, "task.sigma_y=0", "task.baselines=[tv,gd]", "task.eta=0.5"],
    "mri": ["task.problem=mri", "task.baselines=[dps]", "task.sampling=radial"],
    "ct": ["task.problem=ct", "task.baselines=[tv]", "task.eta=0.85"],
}


FAST = ["digits", "mri"]


def sorted_out(names):
    """Parameters, all but the fast ones marked slow."""
    return [pytest.param(n, marks=() if n in FAST else pytest.mark.slow) for n in names]


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    """The overrides of a run of RUNS."""
    folder = dds_runs.unet(tmp_path_factory.mktemp("unet"))

    def of(name):
        return RUNS[name] if name.startswith("digits") else [*phantoms(folder), *RUNS[name]]

    return of


@pytest.fixture(scope="module")
def whole(line, tmp_path_factory):
    """A whole run with all its checkpoints, made once."""
    made, folder = {}, tmp_path_factory.mktemp("whole")

    def of(name):
        if name not in made:
            made[name] = run(folder / name, *line(name), *EVERY_CHECKPOINT)
        return made[name]

    return of


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def prior(predict, steps=4):
    return Prior(predict, alphas_bar(), restoration.times(steps, 1000))


@pytest.mark.parametrize(
    ("steps", "times"), [(4, [750, 500, 250, 0]), (1, [0]), (3, [666, 333, 0])]
)
def test_times_fall_evenly_to_0(steps, times):
    assert restoration.times(steps, 1000) == times


def test_without_fresh_noise_and_correction_it_is_ddim():
    z, eps = torch.randn(2, 1, 4, 4, generator=seeded()), torch.randn(2, 1, 4, 4)
    known = prior(lambda z, t: eps)

    x, after = restoration.dds_step(known, 1, z, lambda x: x, 0.0, seeded())

    wanted = ddim_step(z, eps, known.abar[500], known.abar[250])
    assert after.allclose(wanted, atol=1e-6)
    assert x.allclose((z - (1 - known.abar[500]).sqrt() * eps) / known.abar[500].sqrt())


def test_the_noise_is_split_into_eta_squared_and_the_rest():
    """Var z' = (1 - ᾱ') (η² 1 + (1 - η²) 0) where the predicted noise is 0 and x' is 0."""
    known = prior(lambda z, t: torch.zeros_like(z))

    _, after = restoration.dds_step(
        known, 0, torch.zeros(400, 1, 16, 16), lambda x: 0 * x, 0.6, seeded()
    )

    assert float(after.var()) == pytest.approx(0.36 * float(1 - known.abar[500]), rel=0.02)


def test_the_last_step_ends_on_the_corrected_picture():
    x, after = restoration.dds_step(
        prior(lambda z, t: z), 3, torch.ones(1, 1, 2, 2), lambda x: x + 1, 1.0, seeded()
    )

    assert torch.equal(x, after)


@pytest.mark.parametrize("sigma", [0.0, 0.1])
def test_a_pair_of_real_channels_is_solved_as_scipy_solves_the_complex_picture(sigma):
    """Without noise AᴴA x = Aᴴy, else (I + γ AᴴA) x = x̂ + γ Aᴴy; both from x̂ on."""
    operator = kspace.coils(3, "random", 3.0, (2, 8, 8), seeded())
    operator = kspace.Coils(operator.maps.to(torch.complex128), operator.sampled, is_complex=True)
    truth, x = torch.randn(2, 1, 2, 8, 8, generator=seeded(1), dtype=torch.float64)
    known = Measured(operator, operator.forward(truth), sigma)

    found = restoration.consistent(known, x, gamma=5.0, steps=4).x

    gamma, weight = (5.0, 1.0) if sigma else (1.0, 0.0)

    def normal(v):
        return weight * v + gamma * flat(known.normal(paired(v)))

    wanted, _ = cg(
        LinearOperator((64, 64), normal, dtype=complex),
        weight * flat(x) + gamma * flat(operator.adjoint(known.y)),
        x0=flat(x),
        rtol=0.0,
        atol=1e-13,
        maxiter=4,
    )
    assert paired(wanted).allclose(found, atol=1e-8)


def flat(x):
    """(1, 2, 8, 8) as a complex vector."""
    return torch.complex(x[0, 0], x[0, 1]).flatten().numpy()


def paired(v):
    z = torch.from_numpy(v).reshape(8, 8)
    return torch.stack([z.real, z.imag])[None]


def test_the_gradient_step_is_one_of_the_stable_length():
    """A = 1, γ = 3, x̂ = 0, y = 1: the length is 1 / (1 + 3), the slope -3: x' = 3 / 4."""
    identity = operators.Matrix(torch.eye(1), (1, 1))
    known = Measured(identity, torch.ones(1, 1, 1), 0.1)

    found = restoration.one_gradient(known, torch.zeros(1, 1, 1, 1), 3.0, largest=1.0)

    assert float(found) == pytest.approx(0.75)


def test_dps_goes_down_the_gradient_of_the_distance():
    """ε = 0: x̂ = z / sqrt(ᾱ), so ∇|y - x̂| = -(y - x̂) / (|y - x̂| sqrt(ᾱ)); the last z' = x̂."""
    identity = operators.Matrix(torch.eye(4), (2, 2))
    z, y = torch.randn(1, 1, 2, 2, generator=seeded()), torch.randn(1, 1, 4, generator=seeded(1))
    known = prior(lambda z, t: 0 * z, steps=1)

    x, sampled = restoration.dps(known, Measured(identity, y, 0.1), z, 0.3, seeded(2))

    root = known.abar[0].sqrt()
    off = y.reshape(1, 1, 2, 2) - z / root
    assert x.allclose(z / root)
    assert sampled.allclose(x + 0.3 * off / (off.norm() * root), atol=1e-6)


def test_measurements_have_the_noise_asked_for_also_where_they_are_complex():
    for operator in (operators.Means(2), kspace.coils(2, "columns", 2.0, (1, 32, 32), seeded())):
        still = torch.zeros(50, 1, 32, 32)

        noise = restoration.measure(operator, still, 0.3, seeded(3)).y

        assert float(noise.abs().square().mean()) == pytest.approx(0.09, rel=0.02)


@pytest.mark.parametrize("name", sorted_out(RUNS))
def test_resumed_equals_uninterrupted(name, whole, tmp_path):
    view = whole(name)

    for after in (0, 3):
        again = go_on_from(view, after, tmp_path / str(after))

        assert story(again) == story(view)
        assert artifacts(again) == artifacts(view)
        assert again.summary.result == view.summary.result


def test_a_fork_in_mid_sampling_ends_as_its_parent_and_may_part_from_it(whole, tmp_path):
    view, ends = whole("digits"), []

    for words in ([], ["task.cg_iters=1"]):
        ready = prepare(view.directory, words, outputs=tmp_path, iteration=2, argv=[])
        ends.append(story(RunView(ready.begin(lambda mode: lambda event: None).directory)))

    assert ends[0] == story(view)
    assert ends[1][:3] == story(view)[:3]
    assert ends[1][3:] != story(view)[3:]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("task.images=2", "task.images=3"),
        ("task.steps=8", "task.steps=4"),
        ("task.problem=inpaint", "task.problem=cs"),
        ("task.measurements=30", "task.measurements=24"),
        ("task.sigma_y=0.5", "task.sigma_y=0.02"),
        ("task.dps_scale=3.0", "task.dps_scale=0.8"),
        ("task.baselines=[tv]", "task.baselines=[tv,dps]"),
    ],
)
def test_a_fork_of_other_measurements_or_steps_is_refused(whole, tmp_path, change, said):
    parent = whole("digits").directory
    ready = prepare(parent, [change], outputs=tmp_path, iteration=2, argv=[])

    with pytest.raises(ConfigError) as refused:
        ready.begin(lambda mode: lambda event: None)

    assert refused.value.message == f"{change}: the state is of {said}"


def test_a_fork_of_other_pictures_is_refused(whole, tmp_path):
    parent = whole("mri").directory
    ready = prepare(parent, ["data=shepp-logan", "data.size=16"], outputs=tmp_path, iteration=2)

    with pytest.raises(ConfigError, match="data=shepp-logan: the state is of other pictures"):
        ready.begin(lambda mode: lambda event: None)


def test_a_run_tells_the_other_methods_first_and_then_every_call(whole):
    first, *others = story(whole("digits"))

    arms = {"pinv", "tv", "dps", "dps@4"}
    assert set(first[1]) == {f"{name}_{arm}" for name in ("psnr", "ssim") for arm in arms}
    assert first[2] == {"tv_weight": "0.01"}
    assert [metrics["nfe"] for _, metrics, _ in others] == [1, 2, 3, 4]
    assert all({"psnr", "ssim", "data_residual", "class_acc"} <= set(m) for _, m, _ in others)
    assert all(0 < m["cg_residual_end"] < m["cg_residual_start"] for _, m, _ in others)


def test_a_curve_is_thinned_to_its_end_and_above_zero():
    """200 points are drawn 8 apart, from the last one back: 8, 16 ... 200; those <= 0 not."""
    points = to_draw([float(n - 20) for n in range(1, 201)])

    assert points[0] == (24, 4.0)
    assert points[-1] == (200, 180.0)
    assert len(points) == 23


def test_costs_are_told_apart_from_metrics(whole):
    first, second, *_ = whole("digits").iterations()

    assert set(first.cost) == {"time_pinv", "time_tv", "time_dps", "time_dps@4"}
    assert set(second.cost) == {"time_dds"}


def test_pictures_without_classes_have_no_accuracy(whole):
    assert "class_acc" not in story(whole("mri"))[-1][1]


def test_every_picture_is_there(whole):
    folder = whole("digits").directory / "artifacts"

    names = {str(p.relative_to(folder)) for p in folder.rglob("*.*")}

    grids = {f"000{i}/grid.png" for i in (1, 2, 4)}
    assert names == {*grids, "steps.png", "steps.gif", "quality.png"}
    with Image.open(folder / "steps.gif") as gif:
        assert gif.n_frames == 3
    with Image.open(folder / "0004/grid.png") as grid:  # truth, four methods, the system
        assert grid.height == 6 * 48 + 5
        assert 3 * 48 + 2 < grid.width < 250  # with what each row is at its left


def test_without_baselines_there_is_only_the_pseudo_inverse(line, tmp_path):
    view = run(tmp_path / "run", *line("digits"), "task.baselines=[]", "task.gif=false")

    assert set(story(view)[0][1]) == {"psnr_pinv", "ssim_pinv"}
    assert "tv_weight" not in view.summary.result
    assert not (view.directory / "artifacts/steps.gif").exists()


def test_the_weight_of_total_variation_is_the_best_on_dev_pictures():
    data, operator = ellipses(size=16), operators.rays(4, 16)

    shown = []

    def show(items, label):
        shown.append((label, len(items)))
        return items

    chosen = best_weight(operator, data.dev, 0.02, seeded(), torch.device("cpu"), show)

    truth = data.dev.batch(torch.arange(32))[0]
    known = restoration.measure(operator, truth, 0.02, seeded())
    rivals = Rivals(known, truth, None, lambda items, label: items)
    found = {w: float(psnr(rivals.tv(w).x, truth).mean()) for w in (1e-4, chosen, 1e-1)}
    assert max(found, key=found.get) == chosen
    assert 1e-4 < chosen < 1e-1
    assert shown[0] == ("least squares", 200)
    assert shown[1:] == [(f"total variation, weight {w:g}", 300) for w in TV_WEIGHTS]


def test_a_run_chooses_the_weight_where_none_is_given(line, tmp_path):
    choice = ["task.baselines=[tv]", "task.tv_weight=null", "task.steps=1"]

    view = run(tmp_path / "run", *line("digits"), *choice)

    assert view.summary.result["tv_weight"] in TV_WEIGHTS
    assert story(view)[0][2] == {"tv_weight": f"{view.summary.result['tv_weight']:g}"}


@pytest.mark.parametrize("sigma", ["0", "1e-6"])
def test_pixels_that_are_all_known_are_given_back(sigma, line, tmp_path):
    """Whatever the model says: one CG step on the identity."""
    known = ["task.problem=inpaint", "task.measurements=64", f"task.sigma_y={sigma}"]
    view = run(tmp_path / "run", *line("digits"), *known, "task.gamma=1e6", "task.baselines=[]")

    assert story(view)[-1][1]["psnr"] > 90


def test_no_correction_fits_worse_than_five_steps(line, tmp_path):
    found = [
        story(run(tmp_path / n, *line("digits"), f"task.cg_iters={n}", "task.baselines=[]"))[-1][1]
        for n in ("1", "5")
    ]

    assert found[1]["data_residual"] < 0.5 * found[0]["data_residual"]
    assert [one["cg_steps"] for one in found] == [1.0, 5.0]
