"""prune/perp on small random models: what each mode does to weights, files and numbers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import perp_runs
import pytest
import torch
from perp_runs import ALL_SMALL, MODES
from safetensors.torch import load_file
from task_runs import go_on_from, story
from transformers import AutoModelForCausalLM

from iterun.models.lm import quiet_loading
from iterun.models.perplexity import perplexity, windows
from iterun.models.pruned import rebuild
from iterun.store.checkpoint import available
from iterun.tasks.prune import perp as perp_task

if TYPE_CHECKING:
    from iterun.store.reader import RunView

RETRAINING = [name for name, line in MODES.items() if not any("task.mode" in o for o in line)]
REPAIRED = [name for name, line in MODES.items() if "task.mode=none" not in line]
#: one of each kind of state; the others are slow
FAST = ["everything-small", "cycles", "reconstruct-lora", "none-wanda-stream"]
#: these move kept weights of which only artifacts/model has the new values; or fill zeros
NOT_REBUILT = ["full", "reconstruct-sparsegpt", "plain"]


def sorted_out(modes: list[str], fast: list[str]) -> list[object]:
    """Parameters, all but the fast ones marked slow."""
    slow = pytest.mark.slow
    return [pytest.param(mode, marks=() if mode in fast else slow) for mode in modes]


def artifact(view: RunView, name: str) -> Path:
    return view.directory / "artifacts" / name


def loaded(folder: Path | str) -> torch.nn.Module:
    with quiet_loading():
        return AutoModelForCausalLM.from_pretrained(folder)


def weights(view: RunView) -> dict[str, torch.Tensor]:
    return loaded(artifact(view, "model")).state_dict()


@pytest.mark.parametrize("mode", sorted_out([name for name in MODES if name != "plain"], FAST))
def test_what_was_pruned_is_zero_in_the_saved_model(mode, whole):
    view = whole(mode)

    saved, masks = weights(view), load_file(artifact(view, "masks.safetensors"))

    assert len(masks) == 18
    assert view.state == "completed"
    for name, mask in masks.items():
        assert not saved[name][mask == 0].any()


@pytest.mark.parametrize("mode", ["everything-small", "reconstruct-lora"])
def test_magnitude_prunes_exactly_the_asked_number_in_each_matrix(mode, whole):
    for mask in load_file(artifact(whole(mode), "masks.safetensors")).values():
        assert int((mask == 0).sum()) == int(mask.numel() * 0.7)


def test_wanda_prunes_the_asked_number_in_each_row(whole):
    for mask in load_file(artifact(whole("none-wanda-stream"), "masks.safetensors")).values():
        assert ((mask == 0).sum(1) == int(mask.shape[1] * 0.7)).all()


def test_wanda_may_compare_scores_over_the_whole_matrix(perp):
    """PERP's own code does: the number is right in the matrix, and not in every row."""
    choice = ["task.mode=none", "task.criterion=wanda", "task.wanda_scope=matrix"]
    masks = load_file(artifact(perp("run", *choice), "masks.safetensors")).values()

    assert all(int((mask == 0).sum()) == int(mask.numel() * 0.7) for mask in masks)
    assert any(len(mask.sum(1).unique()) > 1 for mask in masks)


def test_the_reference_rule_prunes_one_entry_more(perp):
    view = perp("run", "task.mode=none", "task.tie_rule=reference")

    for mask in load_file(artifact(view, "masks.safetensors")).values():
        assert int((mask == 0).sum()) == int(mask.numel() * 0.7) + 1


def test_a_sparsity_of_zero_changes_nothing_and_recovers_nothing(perp):
    view = perp("run", "task.mode=none", "task.sparsity=0")

    found = view.summary.result

    assert found["ppl_final"] == found["ppl_dense"]
    assert "recovered" not in found


@pytest.mark.parametrize("criterion", ["magnitude", "random", "wanda", "sparsegpt"])
@pytest.mark.parametrize("pattern", sorted_out(["2:4", "4:8"], ["2:4"]))
def test_patterns_prune_half_of_every_group(criterion, pattern, perp):
    choice = [f"task.pattern='{pattern}'", "task.sparsity=0.5", f"task.criterion={criterion}"]
    view = perp("run", "task.mode=none", *choice)

    group = int(pattern[-1])
    for mask in load_file(artifact(view, "masks.safetensors")).values():
        assert (mask.view(-1, group).sum(1) == group // 2).all()


def test_model_folders_have_the_logged_perplexity_in_a_fresh_process(whole, shelf):
    views = [whole(mode) for mode in FAST]
    script = (
        "import sys; sys.path[:0] = sys.argv[1:3]; from test_perp import measured;"
        "print([measured(folder, sys.argv[3]) for folder in sys.argv[4:]])"
    )
    places = Path(__file__).parents[:2]  # of this module, and of what all systems' tests share
    arguments = [*places, shelf / "text.txt", *(artifact(v, "model") for v in views)]

    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    logged = [view.summary.result["ppl_final"] for view in views]
    assert json.loads(done.stdout) == pytest.approx(logged, rel=1e-3)


def measured(model: Path | str | torch.nn.Module, text: Path | str) -> float:
    """The perplexity of a model folder, as the runs here measure it."""
    module = model if isinstance(model, torch.nn.Module) else loaded(model)
    words = Path(text).read_text()
    held_out = windows(perp_runs.tokenizer(), words[int(len(words) * 0.8) :], 16, 4)
    return perplexity(module.eval(), held_out)


# peft 0.21 asks transformers 5.23 by a name that this one wants to leave
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
def test_an_unmerged_adapter_gives_the_logged_perplexity_on_its_model(whole, shelf):
    from peft import PeftModel

    view = whole("plain")

    base = loaded(artifact(view, "model"))
    adapted = PeftModel.from_pretrained(base, artifact(view, "adapter"))

    logged = view.summary.result["ppl_final"]
    assert measured(adapted, shelf / "text.txt") == pytest.approx(logged, rel=1e-4)


@pytest.mark.parametrize("mode", sorted_out([m for m in REPAIRED if m not in NOT_REBUILT], FAST))
def test_dense_model_masks_and_sidecars_rebuild_the_result(mode, whole, shelf):
    view, module = whole(mode), loaded(shelf / "opt")
    updated = artifact(view, "updated.safetensors")

    rebuild(
        module,
        artifact(view, "masks.safetensors"),
        artifact(view, "retrained.safetensors"),
        updated if updated.exists() else None,
    )

    for name, wanted in weights(view).items():
        torch.testing.assert_close(module.state_dict()[name], wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("mode", sorted_out(list(MODES), FAST))
def test_resumed_at_any_iteration_it_is_bit_for_bit_the_same(mode, whole, tmp_path):
    view = whole(mode)
    numbers = available(view.directory)

    assert numbers == [line.i for line in view.iterations()]
    for i in numbers[:-1]:
        again = go_on_from(view, i, tmp_path / f"from-{i}")
        assert story(again) == story(view)
        assert again.summary.result == view.summary.result
        assert_equal(weights(again), weights(view))


def assert_equal(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> None:
    assert found.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert torch.equal(found[name], tensor), name


def test_streaming_gives_the_same_model_as_memory(perp):
    for criterion in ("magnitude", "wanda", "sparsegpt"):
        choice = ["task.mode=none", f"task.criterion={criterion}"]
        memory = weights(perp(f"{criterion}-memory", *choice))
        stream = weights(perp(f"{criterion}-stream", *choice, "task.stream=true"))

        assert_equal(stream, memory)


def test_calibration_read_back_gives_the_same_masks_under_another_seed(perp):
    choice = ["task.mode=none", "task.criterion=wanda"]
    first = perp("first", *choice)
    kept = artifact(first, "calibration.safetensors")

    again = perp("again", *choice, "seed=7", f"task.calibration='file:{kept}'")
    other = perp("other", *choice, "seed=7")

    masks = [artifact(v, "masks.safetensors").read_bytes() for v in (first, again, other)]
    assert masks[0] == masks[1] != masks[2]


def test_the_batches_do_not_depend_on_how_they_are_accumulated(perp):
    whole = perp("whole", "task.batch_size=4", "task.accumulate=1")
    parts = perp("parts", "task.batch_size=1", "task.accumulate=4")

    final = [view.summary.result["ppl_final"] for view in (whole, parts)]
    assert final[0] == pytest.approx(final[1], rel=1e-5)


def test_sequences_have_the_length_asked_for_and_few_share_a_large_pass(perp, monkeypatch):
    sizes = []

    class Seen(perp_task.RetrainPass):
        def __init__(self, **settings):
            sizes.append(settings["size"])
            super().__init__(**settings)

    monkeypatch.setattr(perp_task, "RetrainPass", Seen)
    whole = perp("whole", "task.seqlen=8", "task.batch_size=4")
    monkeypatch.setattr(perp_task, "PREDICTIONS", 2 * 4 * 8 * 60)  # of two sequences
    parts = perp("parts", "task.seqlen=8", "task.batch_size=4")

    assert sizes == [4, 2]
    assert whole.record.resolved["seqlen"] == 8
    assert whole.iterations()[1].metrics["tokens"] == 2 * 4 * 8
    final = [view.summary.result["ppl_final"] for view in (whole, parts)]
    assert final[0] == pytest.approx(final[1], rel=1e-5)


def test_gradient_checkpointing_changes_no_number(perp):
    plain = perp("plain", ALL_SMALL)
    saving = perp("saving", ALL_SMALL, "task.gradient_checkpointing=true")

    assert story(plain) == story(saving)


def test_cycles_reach_the_sparsity_in_equal_factors(perp):
    view = perp("run", *MODES["cycles"], "task.sparsity=0.784", "task.steps_per_iteration=2")

    found = [line.metrics["sparsity"] for line in view.iterations()]

    assert found == pytest.approx([0.4, 0.4, 0.64, 0.784], abs=1e-3)


def test_masks_of_later_cycles_prune_what_earlier_ones_did(whole):
    view = whole("random-cycles")
    final = load_file(artifact(view, "masks.safetensors"))

    put_aside = [p for p in artifact(view, "").rglob("*") if len(p.name) == 64]

    earlier = [masks for masks in map(load_file, put_aside) if masks.keys() == final.keys()]
    assert earlier
    assert all((masks[name] >= final[name]).all() for masks in earlier for name in final)


@pytest.mark.parametrize("mode", sorted_out(RETRAINING, [*FAST, "lora_prune"]))
def test_metrics_of_retraining(mode, whole):
    for line in whole(mode).iterations()[1:]:
        assert line.labels == {"phase": "retrain"}
        assert {"ppl", "loss", "lr", "sparsity", "sparsity_total", "trainable", "trainable_pct",
                "tokens"} <= line.metrics.keys()  # fmt: skip
        assert {"tokens_per_s", "peak_mem_mb"} <= line.cost.keys()
        assert ("ppl_before_merge" in line.metrics) == (mode == "lora_prune")


def test_metrics_of_reconstruction(perp):
    view = perp("run", *MODES["reconstruct"], "task.steps=20")

    for line in view.iterations()[1:]:
        assert line.labels == {"phase": "reconstruct"}
        assert line.metrics["recon_after"] < line.metrics["recon_before"]
    assert {"ppl_dense", "ppl_pruned", "ppl_final", "recovered"} <= view.summary.result.keys()


def test_a_rows_file_and_pictures_are_made(whole):
    view = whole("everything-small")

    rows = json.loads(artifact(view, "sparsity.json").read_text())
    keys = {"name", "block", "kind", "rows", "columns", "zeros", "sparsity", "change", "seconds"}

    assert len(rows) == 18
    assert all(row.keys() == keys for row in rows)
    for name in ("sparsity.png", "perplexity.png"):
        assert artifact(view, name).read_bytes().startswith(b"\x89PNG")


def test_trained_shares_are_counted_by_hand(perp):
    """Biases and norms of OPT: 13 hidden a block where the feed-forward is 4 wide, here 2 wide:
    attention 4·32, fc1 64, fc2 32, two norms 4·32; the last norm 2·32.
    """
    metrics = perp("run", "task.train=[biases,norm]").iterations()[-1].metrics

    assert metrics["trainable"] == 3 * (4 * 32 + 64 + 32 + 4 * 32) + 2 * 32


def test_a_model_without_biases_trains_the_other_subsets_and_says_so(perp):
    view = perp("run", "task.train=[biases,norm]", model="llama")

    assert view.state == "completed"
    assert "task.train=biases: the model has none" in (view.directory / "log.txt").read_text()


def test_an_all_zero_row_is_warned_of_with_the_count(perp):
    view = perp("run", "task.sparsity=0.97")

    assert (
        "rows of matrices in the model have no weight left"
        in (view.directory / "log.txt").read_text()
    )


def test_an_infinite_loss_ends_the_run_as_diverged_with_the_iteration(perp):
    view = perp("run", "task.lr=1e30", "task.train=[full]")

    assert view.state == "diverged"
    assert "iteration 1" in (view.status.error or "") + (view.status.reason or "")


def test_the_head_leaves_the_embedding_alone(perp, shelf):
    view = perp("run", "task.train=[head]")

    saved = weights(view)
    dense = loaded(shelf / "opt").state_dict()
    embedding = "model.decoder.embed_tokens.weight"

    assert not json.loads(artifact(view, "model/config.json").read_text())["tie_word_embeddings"]
    assert torch.equal(saved[embedding], dense[embedding])
    assert not torch.equal(saved["lm_head.weight"], dense["lm_head.weight"])


def test_a_pass_stopped_early_saves_what_is_done_and_no_model(perp):
    view = perp("run", *MODES["reconstruct"], "stop.iterations=2")

    assert len(load_file(artifact(view, "masks.safetensors"))) == 12
    assert not artifact(view, "model").exists()
    assert "only 2 of 3 blocks" in (view.directory / "log.txt").read_text()


@pytest.mark.parametrize("dtype", sorted_out(["bfloat16", "float16"], ["bfloat16"]))
@pytest.mark.parametrize("mode", sorted_out(["everything-small", "reconstruct-lora", "none"], FAST))
def test_half_precision_weights_are_saved_in_half_precision(mode, dtype, perp):
    view = perp("run", *MODES[mode], f"backend.dtype={dtype}")

    saved = load_file_of(artifact(view, "model"))

    assert {tensor.dtype for tensor in saved.values()} == {getattr(torch, dtype)}
    assert view.state == "completed"


def load_file_of(folder: Path) -> dict[str, torch.Tensor]:
    return {k: v for path in folder.glob("*.safetensors") for k, v in load_file(path).items()}
