"""`schedule=` sets the step sizes of every system that says so, and their norms are on record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from iterun.config.compose import compose, task_files, to_plain
from iterun.config.targets import locate_class
from iterun.core.procedure import Procedure
from iterun.errors import ConfigError
from iterun.launch.local import launch
from iterun.launch.signature import signature
from iterun.store.reader import RunView
from iterun.types import Placement

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests/golden"
#: of the usual runs: optimizer steps of the last training, or of all where there is one
N_STEPS = {
    "prune/loraprune": 6, "prune/lth": 35, "prune/perp": 4, "rlhf/curate": 3,
    "rlhf/online_dpo": 24, "sample/lcm_lora": 6,
}  # fmt: skip
#: instead of a golden run that takes no optimizer steps
CURATE = [
    "task=rlhf/curate", "model.train_steps=20", "model.classifier_steps=20", "task.rounds=2",
    "task.kept=12", "task.train_steps=3", "task.batch=8", "task.sample_steps=2",
]  # fmt: skip


def golden(system):
    first, *iterations = map(json.loads, (GOLDEN / f"{system}.jsonl").read_text().splitlines())
    return first["line"], [it["metrics"] for it in iterations]


def usual_run(system, folder):
    if system == "rlhf/curate":
        return CURATE, metrics(done(CURATE, folder / "usual"))
    return golden(system)


def done(line, directory):
    config = to_plain(compose([*line, "backend=cpu", "backend.threads=1"]))
    launch(
        config, directory=directory, outputs=directory.parent, argv=[], listener=lambda event: None
    )
    return RunView(directory)


def metrics(view):
    return [dict(it.metrics) for it in view.iterations()]


@pytest.fixture(autouse=True)
def _in_root(monkeypatch):
    monkeypatch.chdir(ROOT)


def test_every_system_that_takes_it_is_tried_here():
    classes = {info.name: locate_class(info.target, "task", Procedure) for info in task_files()}

    takes = {name for name, cls in classes.items() if cls.takes_schedule}
    assert takes == {*N_STEPS, "optimize/schedule"}  # which compares it with others


@pytest.mark.parametrize("system", sorted(N_STEPS))
def test_steps_of_no_size_train_nothing_and_norms_are_kept(system, tmp_path):
    line, usual = usual_run(system, tmp_path)
    (tmp_path / "none.csv").write_text("step,multiplier\n0,1e-30\n1,1e-30\n")

    view = done([*line, "schedule=file", f"schedule.path={tmp_path}/none.csv"], tmp_path / "run")
    rows = view.appended("gradient_norms.jsonl")
    found = metrics(view)

    moved = {"prune/lth": "acc", "prune/perp": "ppl", "prune/loraprune": "ppl",
             "rlhf/curate": "fd", "rlhf/online_dpo": "kl_to_base",
             "sample/lcm_lora": "fd@4"}[system]  # fmt: skip
    assert found[-1][moved] != usual[-1][moved]
    if system == "rlhf/online_dpo":
        assert found[-1][moved] == pytest.approx(0, abs=1e-6)
    last = max(k for k, row in enumerate(rows) if not k or row["step"] < rows[k - 1]["step"])
    steps = [row["step"] for row in rows[last:]]
    assert len(steps) == N_STEPS[system]
    assert steps == list(range(steps[0], steps[0] + len(steps)))
    for i, of_iteration in enumerate(found):
        norms = [row["grad_norm"] for row in rows if row["i"] == i]
        assert ("grad_norm" in of_iteration) == bool(norms)
        if norms:
            assert of_iteration["grad_norm"] == pytest.approx(sum(norms) / len(norms))


def test_a_systems_own_course_by_its_name_gives_the_same_numbers(tmp_path):
    line, usual = golden("prune/loraprune")

    found = metrics(done([*line, "schedule=linear"], tmp_path / "run"))

    assert [it["ppl"] for it in found] == pytest.approx([it["ppl"] for it in usual], rel=2e-3)
    assert [it["lr"] for it in found[1:]] == pytest.approx([it["lr"] for it in usual[1:]])


def test_a_file_is_told_by_its_content(tmp_path):
    place = Placement(device="cpu", dtype="float32", threads=1)
    signatures = []
    for name, text in (("a", "0,1\n"), ("b", "0,1\n"), ("c", "0,0.5\n")):
        path = tmp_path / f"{name}.csv"
        path.write_text(f"step,multiplier\n{text}")
        line = ["task=prune/lth", "schedule=file", f"schedule.path={path}"]
        signatures.append(signature(to_plain(compose(line)), place))
    none = signature(to_plain(compose(["task=prune/lth"])), place)

    assert signatures[0] == signatures[1]
    assert len({*signatures, none}) == 3


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["task=prune/perp", "task.mode=none"], "task.mode=none trains nothing"),
        (["task=sample/lcm_lora", "task.problem=transport"], "task.problem=transport trains"),
        (["task=refine/coloring", "model=program"], "refine/coloring reads no schedule"),
    ],
)
def test_where_no_steps_are_taken_it_is_refused(line, said, tmp_path):
    with pytest.raises(ConfigError, match=said):
        done([*line, "schedule=cosine"], tmp_path / "run")

    assert not (tmp_path / "run").exists()
