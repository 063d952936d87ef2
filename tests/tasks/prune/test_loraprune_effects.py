"""The paper's claims as inequalities, on the embedded model; memory in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from statistics import mean

import pytest

from iterun.config.compose import compose, to_plain
from iterun.launch.local import launch
from iterun.models import opt
from iterun.models.blocks import prunable_weights
from iterun.models.snapshot import ASSETS
from iterun.models.structured import find_groups, unprotected
from iterun.store.reader import RunView

pytestmark = [pytest.mark.slow, pytest.mark.long]  # a quarter of an hour together
SEEDS = (0, 1, 2)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The result of prune/loraprune with its defaults but for some, made once."""
    made: dict[tuple[str, ...], dict[str, float]] = {}

    def run(*line: str) -> dict[str, float]:
        if line not in made:
            directory = tmp_path_factory.mktemp("effect") / "run"
            words = ["task=prune/loraprune", "backend=cpu", "backend.threads=1", *line]
            place = {"directory": directory, "outputs": directory.parent}
            launch(to_plain(compose(words)), argv=[], listener=lambda e: None, **place)
            made[line] = RunView(directory).summary.result
        return made[line]

    return run


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("metric", ["lora", "magnitude", "random"])
def test_training_gives_back_a_part_of_what_pruning_took(metric, seed, done):
    found = done(f"seed={seed}", f"task.metric={metric}")

    assert found["ppl_dense"] < found["ppl_final"] < found["ppl_pruned"]
    assert (found["ratio_heads"], found["ratio_channels"]) == (0.5, 0.5)


@pytest.mark.timeout(3600)  # by itself it makes six runs; after the test above none
@pytest.mark.parametrize("control", ["magnitude", "random"])
def test_adapters_judge_units_better_than(control, done):
    own = mean(done(f"seed={seed}", "task.metric=lora")["ppl_final"] for seed in SEEDS)
    other = mean(done(f"seed={seed}", f"task.metric={control}")["ppl_final"] for seed in SEEDS)

    assert own < other


@pytest.mark.xfail(reason="opt-mini: half of ppl_pruned is about ppl_dense")
@pytest.mark.parametrize("seed", SEEDS)
def test_training_halves_the_perplexity_at_least(seed, done):
    found = done(f"seed={seed}", "task.metric=lora")

    assert found["ppl_final"] < 0.5 * found["ppl_pruned"]


@pytest.mark.parametrize("seed", SEEDS)
def test_where_more_is_pruned_training_halves_the_perplexity(seed, done):
    found = done(f"seed={seed}", "task.ratio=0.7")

    assert found["ppl_final"] < 0.5 * found["ppl_pruned"]


#: between the tests and a run: a process's peak counts what started it, and this is small
STARTER = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"


def peak_mb(folder, outputs, metric: str) -> float:
    """The most memory of a short run in a process of its own."""
    line = [
        "task=prune/loraprune", f"model={folder}", "data=pydoc", "backend=cpu",
        "backend.threads=1", f"task.metric={metric}", "task.steps=4", "task.prune_freq=2",
        "task.batch_size=1", "task.seqlen=32", "task.eval_seqlen=32", "task.eval_windows=2",
        "--quiet", "--outputs", str(outputs),
    ]  # fmt: skip
    start = [sys.executable, "-c", STARTER, sys.executable, "-m", "iterun", *line]
    subprocess.run(start, check=True, capture_output=True)
    lines = next(outputs.rglob("iterations.jsonl")).read_text().splitlines()
    return max(json.loads(line)["cost"]["peak_mem_mb"] for line in lines)


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> tuple[float, float]:
    """MB by which lora's peak is below grad's, and MB of the gradients that grad needs.

    41 million parameters; each peak is the least of three processes. The last block is protected:
    nothing needs its gradients, and they are not counted.
    """
    from transformers import AutoTokenizer

    folder = tmp_path_factory.mktemp("memory")
    shape = opt.config(
        "opt-mini", num_hidden_layers=9, hidden_size=608, word_embed_proj_dim=608, ffn_dim=2432,
        num_attention_heads=8,
    )  # fmt: skip
    module = opt.random_model(shape)
    assert sum(p.numel() for p in module.parameters()) >= 30_000_000
    module.save_pretrained(folder / "opt")
    AutoTokenizer.from_pretrained(ASSETS / "opt-mini").save_pretrained(folder / "opt")
    weights = prunable_weights(module)
    members = {m.layer for group in unprotected(find_groups(module)) for m in group.members}
    judged = 4 * sum(weights[f"{layer}.weight"].numel() for layer in members) / 1e6
    lora, grad = (
        min(peak_mb(folder / "opt", folder / f"{metric}{k}", metric) for k in range(3))
        for metric in ("lora", "grad")
    )
    return grad - lora, judged


def test_adapters_save_the_memory_of_the_matrices_gradients(saved):
    """Not all of it: while those gradients are made, activations go and make room for them."""
    less, judged = saved

    assert less > 0.9 * judged
