"""Training under masks: what is judged, by what; what stays when the pass is restored."""

from __future__ import annotations

import copy

import pytest
import torch
from structured_models import logits, model

from iterun.data.batches import TrainingText
from iterun.errors import DivergedError
from iterun.models import importance
from iterun.models.prune_recipe import PruneRecipe
from iterun.models.structured import Group, find_groups, unprotected
from iterun.models.structured_pass import StructuredPass
from iterun.ops.rng import Generators


class Run:
    """What the pass asks of a run."""

    device = torch.device("cpu")

    def __init__(self, seed: int = 0) -> None:
        self.generators = Generators(seed)

    def generator(self, name: str, *key: object) -> torch.Generator:
        return self.generators.torch(name, *key)

    def progress(self, items, label):
        return items

    def schedule(self, n_steps: int) -> None:
        return None


def tokenizer(text: str, **_: object) -> dict[str, list[int]]:
    return {"input_ids": [int(word) for word in text.split()]}


def text(length: int = 12) -> TrainingText:
    draw = torch.Generator().manual_seed(9)
    ids = torch.randint(1, 60, (400,), generator=draw).tolist()
    return TrainingText([" ".join(map(str, ids))], tokenizer, length)


def made(name: str = "opt", **changes) -> StructuredPass:
    """Half of the units go between steps 1 and 8 of 10, unless other settings are given."""
    recipe = dict(
        ratio=0.5, init_ratio=0.0, warmup=0.1, cooldown=0.2, metric="lora", power=1, lora_r=2,
        lora_alpha=4, lora_dropout=0.0, steps=10, prune_freq=2, batch_size=2, accumulate=1,
        gradient_checkpointing=False, lr=1e-2,
    )  # fmt: skip
    module = model(name)
    groups = unprotected(find_groups(module))
    return StructuredPass(Run(), module, groups, PruneRecipe(**recipe | changes), text())


def masks(work: StructuredPass) -> dict[str, list[bool]]:
    return {name: kept.tolist() for name, kept in work.gates.kept.items()}


@pytest.mark.parametrize("name", ["opt", "gqa"])
def test_masks_only_shrink_and_end_at_the_asked_ratio(name):
    work = made(name)
    before = masks(work)

    for t in range(10):
        work.train(range(t, t + 1), "here")
        after = masks(work)
        for group, kept in after.items():
            assert not any(now and not then for now, then in zip(kept, before[group], strict=True))
        before = after

    for group in work.groups:
        assert before[group.name].count(False) == int(group.n * 0.5)
        assert group.block < 2


def test_only_factors_are_trained():
    work = made()
    before = {n: p.detach().clone() for n, p in work.module.named_parameters()}

    done = work.train(range(4), "here")

    changed = {n for n, p in work.module.named_parameters() if not torch.equal(p, before[n])}
    assert {name.rpartition(".")[2] for name in changed} == {"A", "B"}
    assert len(changed) == 2 * len(work.adapters) == 2 * 3 * 6
    assert done.n_trained == sum(a.A.numel() + a.B.numel() for a in work.adapters.values())
    assert done.n_tokens == 4 * 2 * 12
    assert done.lr == pytest.approx(1e-2 * 7 / 10)


@pytest.mark.parametrize(("metric", "needs"), [("lora", 0), ("magnitude", 0), ("grad", 2 * 6)])
def test_only_grad_needs_gradients_of_the_matrices(metric, needs):
    work = made(metric=metric)

    found = [a for a in work.adapters.values() if a.base.weight.requires_grad]

    assert len(found) == needs


def written_out(work: StructuredPass, group: Group) -> torch.Tensor:
    """The group's importance before any training: B = 0, so that Ĝ = (∂L/∂B) A, clipped."""
    factors = [p for a in work.adapters.values() for p in (a.A, a.B)]
    norm = torch.stack([p.grad.norm() for p in factors]).norm()
    total = torch.zeros(group.n)
    for member in group.members:
        adapter = work.adapters[member.layer]
        G = adapter.B.grad / max(float(norm), 1.0) @ adapter.A
        s = (adapter.base.weight * G).abs()
        lines = s.sum(1) if member.along == "rows" else s.sum(0)
        units = lines.view(group.n, -1).sum(1)
        total += units / units.norm()
    return 0.1 * total


@pytest.mark.parametrize("entries", [10**6, 100, 1])
@pytest.mark.parametrize("name", ["opt", "gqa"])
def test_importance_is_the_papers_after_the_gradient_is_clipped(name, entries, monkeypatch):
    """However many rows of a matrix are judged at once."""
    monkeypatch.setattr(importance, "ENTRIES", entries)
    work, other = made(name), made(name)
    ids, is_text = other.text.batch(2, other.run.generator("batch", 0))
    other.module(input_ids=ids, labels=ids).loss.backward()

    work.train(range(1), "here")

    for group in work.groups:
        wanted = written_out(other, group).detach()
        torch.testing.assert_close(work.importance.of[group.name], wanted, rtol=1e-4, atol=1e-6)
    assert is_text.all()


def test_what_judges_decides_what_goes():
    found = {}
    for metric in ("lora", "grad", "magnitude", "random"):
        work = made(metric=metric)
        work.train(range(10), "here")
        found[metric] = masks(work)["1.channels"]

    assert all(kept.count(False) == 20 for kept in found.values())
    assert len({tuple(kept) for kept in found.values()}) == 4


def test_magnitude_removes_what_is_small():
    module = made(metric="magnitude")
    small = [3, 17, 30]
    with torch.no_grad():
        for layer, take in (("fc1", "rows"), ("fc2", "columns")):
            weight = module.adapters[f"model.decoder.layers.0.{layer}"].base.weight
            (weight if take == "rows" else weight.T)[small] *= 1e-3
    module.train(range(10), "here")

    assert not any(masks(module)["0.channels"][unit] for unit in small)


def test_random_units_are_a_function_of_the_seed():
    once, again = made(metric="random"), made(metric="random")
    for work in (once, again):
        work.train(range(10), "here")

    assert masks(once) == masks(again)


@pytest.mark.parametrize("changes", [
    {}, {"lora_dropout": 0.3, "accumulate": 2}, {"metric": "grad"}, {"metric": "random"},
])  # fmt: skip
def test_restored_equals_uninterrupted(changes):
    whole, before, after = (made(**changes) for _ in range(3))
    losses = [whole.train(range(t, t + 1), "here").loss for t in range(8)]

    before.train(range(3), "here")
    after.restore(copy.deepcopy(before.state()))

    assert [after.train(range(t, t + 1), "here").loss for t in range(3, 8)] == losses[3:]
    assert masks(after) == masks(whole)
    for name, average in whole.importance.of.items():
        assert torch.equal(after.importance.of[name], average)


@pytest.mark.parametrize("changes", [{"metric": "random"}, {"power": 2}])
def test_restored_to_be_judged_otherwise_importances_begin_anew(changes):
    before, after, fresh = made(), made(**changes), made(**changes)
    before.train(range(3), "here")

    after.restore(copy.deepcopy(before.state()))

    assert masks(after) == masks(before)
    for name, average in fresh.importance.of.items():
        assert torch.equal(after.importance.of[name], average)


def test_recomputed_activations_drop_the_same_inputs():
    plain = made(lora_dropout=0.3)
    saving = made(lora_dropout=0.3, gradient_checkpointing=True)

    for work in (plain, saving):
        work.train(range(3), "here")

    for name, adapter in plain.adapters.items():
        torch.testing.assert_close(saving.adapters[name].B, adapter.B)
    assert all(adapter.seed is None for adapter in plain.adapters.values())


def test_parts_of_a_batch_add_up():
    whole, parts = made(batch_size=4), made(batch_size=2, accumulate=2)

    for work in (whole, parts):
        work.train(range(2), "here")

    for name, adapter in whole.adapters.items():
        torch.testing.assert_close(parts.adapters[name].B, adapter.B, rtol=1e-3, atol=1e-5)


def test_a_nan_in_a_gradient_moves_nothing_and_is_counted():
    work = made()
    work.train(range(2), "here")
    adapter = work.adapters["model.decoder.layers.0.fc1"]
    before = copy.deepcopy(work.state())
    adapter.A.register_hook(lambda grad: grad * float("nan"))

    work.train(range(2, 3), "here")

    # The norm is that of all factors, so the clipped gradients of all groups are NaN.
    assert work.importance.n_skipped == len(work.groups)
    for name, average in before["importance"]["of"].items():
        assert torch.equal(work.importance.of[name], average)
    assert all(
        torch.equal(a, b) for a, b in zip(work.state()["factors"], before["factors"], strict=True)
    )
    assert work.step_count == 3


def test_a_loss_that_is_not_finite_ends_it():
    work = made()
    with torch.no_grad():
        work.adapters["model.decoder.layers.2.fc2"].B.fill_(float("inf"))

    with pytest.raises(DivergedError, match=r"the loss is \w+ in iteration 1, step 1"):
        work.train(range(2), "iteration 1")


def test_untrained_is_the_dense_model_under_the_masks():
    work = made(steps=5)
    work.train(range(5), "here")
    trained = logits(work.module)

    with work.untrained():
        found = logits(work.module)

    for adapter in work.adapters.values():
        with torch.no_grad():
            adapter.B.zero_()
    torch.testing.assert_close(found, logits(work.module))
    assert not torch.allclose(found, trained)


def test_finished_leaves_a_plain_model_with_the_adapters_in_it():
    work = made(ratio=0.0)
    work.train(range(6), "here")
    before = logits(work.module)

    work.finish()

    torch.testing.assert_close(logits(work.module), before, rtol=1e-4, atol=1e-4)
    names = {name for name, _ in model("opt").named_parameters()}
    assert {name for name, _ in work.module.named_parameters()} == names
    assert not any(p.requires_grad for p in work.module.parameters())
