"""What sample/lcm_lora claims, over three seeds, against controls, at the usual settings.

Ratios of Fréchet distances, student to teacher at as many steps. On one seed fd@4 of the adapters
is 0.855 of the teacher's, on the others about 0.7: that bound is held by the mean of the seeds.
"""

from __future__ import annotations

import statistics

import pytest
from lcm_runs import run
from task_runs import story

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(1800)]
SEEDS = (0, 1, 2)


@pytest.fixture(scope="module")
def distilled(tmp_path_factory):
    """The three runs of a variant."""
    made, folder = {}, tmp_path_factory.mktemp("distilled")

    def of(variant):
        if variant not in made:
            made[variant] = [
                run(folder / f"{variant}-{seed}", f"task.variant={variant}", f"seed={seed}")
                for seed in SEEDS
            ]
        return made[variant]

    return of


@pytest.fixture(scope="module")
def tuned(distilled, tmp_path_factory):
    """The last step of sampling bold digits with the adapters of plain ones."""
    folder, ends = tmp_path_factory.mktemp("tuned"), []
    for seed, view in zip(SEEDS, distilled("lora"), strict=True):
        words = ["model=digits-bold", f"seed={seed}", "task.mode=sample"]
        adapter = f"task.lora=file:{view.directory}/artifacts/adapter.safetensors"
        ends.append(story(run(folder / str(seed), *words, adapter))[-1][1])
    return ends


def last(views):
    return [story(view)[-1][1] for view in views]


def ratios(views, n):
    return [metrics[f"fd@{n}"] / metrics[f"teacher_fd@{n}"] for metrics in last(views)]


def test_adapters_beat_their_teacher_at_few_steps(distilled):
    views = distilled("lora")

    assert max(ratios(views, 1)) < 1 / 3
    assert max(ratios(views, 2)) < 0.7
    assert statistics.mean(ratios(views, 4)) < 0.85
    assert max(ratios(views, 4)) < 1


def test_the_gain_is_the_trainings_not_the_samplers(distilled):
    for view in distilled("lora"):
        first, end = story(view)[0][1], story(view)[-1][1]
        assert all(end[f"fd@{n}"] < first[f"fd@{n}"] for n in (1, 2, 4, 8))


def test_one_step_gets_better_after_the_second_round(distilled):
    for view in distilled("lora"):
        rounds = [metrics["fd@1"] for _, metrics, _ in story(view)]
        assert rounds[-1] < rounds[2]


def test_samples_show_what_they_were_asked_for(distilled):
    assert min(metrics["acc@4"] for metrics in last(distilled("lora"))) >= 0.95


@pytest.mark.long
def test_all_weights_do_better_than_adapters(distilled):
    full, lora = distilled("full"), distilled("lora")

    assert max(ratios(full, 4)) < 0.6
    for n in (1, 2, 4, 8):
        pairs = zip(last(full), last(lora), strict=True)
        assert all(a[f"fd@{n}"] < b[f"fd@{n}"] for a, b in pairs)


def test_adapters_help_a_tuned_model_in_the_same_sampler(tuned):
    """At 4 steps. Neither at 1 and 2 steps nor against DDIM do they: that is shown, not claimed."""
    assert all(metrics["fd"] < metrics["fd_unadapted"] for metrics in tuned)
