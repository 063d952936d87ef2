"""What holds for every system: its five files, its YAML, and resumed = uninterrupted."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from iterun.config.compose import TaskInfo, compose, families, locate_target, task_files, to_plain
from iterun.core.procedure import Procedure
from iterun.launch.local import launch, resume
from iterun.store.reader import RunView

ROOT = Path(__file__).parents[1]
SYSTEMS = {info.name: info for info in task_files()}
#: what a run of a few iterations takes from each system's defaults, so that the fast set stays fast
SMALL: dict[str, list[str]] = {
    "learn/curve": [
        "task.kernel=200",
        "task.slice=200",
        "task.max_words=1000",
        "task.test_words=500",
    ],
    "optimize/schedule": [
        "task.steps=20",
        "task.lrs=[0.1,0.3]",
        "task.steep_lrs=[1,5]",
        "task.baselines=[linear]",
        "task.refine_rounds=2",
    ],
    "prune/lth": ["task.steps=30", "task.rewind=5", "task.levels=3"],
    "prune/loraprune": [
        "task.steps=4",
        "task.prune_freq=1",
        "task.batch_size=2",
        "task.eval_windows=2",
    ],
    "prune/perp": ["task.steps=4", "task.steps_per_iteration=1", "task.eval_windows=2"],
    "refine/agentcoder": [
        "task.limit=2",
        "task.rounds=3",
        "task.candidates=2",
        "task.suites=2",
        "task.asserts=2",
        "task.mutants=2",
        "task.accept=2",
        "task.test_accuracy=0.5",
        "task.test_timeout=20",
    ],
    "refine/coloring": ["model=program", "data.n_instances=3", "task.rounds=4"],
    "rlhf/curate": [
        "model.train_steps=20",
        "model.classifier_steps=20",
        "task.rounds=3",
        "task.kept=12",
        "task.train_steps=3",
        "task.batch=8",
        "task.sample_steps=2",
    ],
    "rlhf/online_dpo": [
        "task.rounds=3",
        "task.prompts=12",
        "task.samples=4",
        "task.steps=8",
        "task.batch_size=6",
        "task.eval_prompts=20",
        "data.n_train=300",
        "data.n_dev=20",
        "data.n_test=40",
        "data.n_pool=300",
    ],
    "sample/dds": [
        "model.train_steps=20",
        "model.classifier_steps=20",
        "task.steps=4",
        "task.images=3",
        "task.dps_steps=3",
        "task.tv_weight=0.01",
    ],
    "sample/lcm_lora": [
        "model.train_steps=20",
        "model.classifier_steps=20",
        "task.rounds=3",
        "task.steps_per_round=2",
        "task.batch=8",
        "task.images=40",
    ],
}


@pytest.fixture(params=sorted(SYSTEMS))
def system(request: pytest.FixtureRequest) -> TaskInfo:
    return SYSTEMS[request.param]


def run_lines(system: str, directory: Path, *overrides: str) -> None:
    config = to_plain(compose([f"task={system}", "backend=cpu", "backend.threads=1", *overrides]))
    place = {"directory": directory, "outputs": directory.parent}
    launch(config, argv=[], listener=lambda event: None, **place)


def compared(directory: Path) -> list[tuple[int, dict[str, float], dict[str, str]]]:
    return [(line.i, line.metrics, line.labels) for line in RunView(directory).iterations()]


def test_every_system_is_found() -> None:
    files = [p for p in (ROOT / "conf/task").glob("*/*.yaml") if "_target_" in p.read_text()]

    assert len(SYSTEMS) == len(files) == len(SMALL) >= 1
    assert set(families().values()) <= set(SYSTEMS)


def test_five_files_belong_to_a_system(system: TaskInfo) -> None:
    family, name = system.name.split("/")
    papers = yaml.safe_load((ROOT / f"iterun/analysis/papers/{family}.yaml").read_text())

    assert (ROOT / f"iterun/tasks/{family}/{name}.py").is_file()
    assert (ROOT / f"tests/tasks/{family}/test_{name}.py").is_file()
    assert (ROOT / f"tests/golden/{family}/{name}.jsonl").is_file()
    assert (ROOT / f"conf/experiment/{family}/{name}-paper.yaml").is_file()
    assert system.name in json.dumps(papers)


def test_the_yaml_says_what_the_system_is(system: TaskInfo) -> None:
    about = {"system", "paper", "arxiv", "year", "iteration", "cpu_seconds"}

    assert about <= set(system.about)
    assert system.about["system"] == system.name
    assert system.objective is not None
    assert system.objective["goal"] in ("min", "max")
    assert len(system.path.read_text().splitlines()) <= 40


def test_class_and_yaml_name_the_same_parameters(system: TaskInfo) -> None:
    found: Any = locate_target(system.target, Procedure)
    fields = {field.name: field for field in dataclasses.fields(found)}

    assert set(fields) == set(system.parameters)
    assert all(field.default is dataclasses.MISSING for field in fields.values())
    assert system.about["arxiv"] in __import__(found.__module__, fromlist=["_"]).__doc__


def test_the_papers_experiment_composes(system: TaskInfo) -> None:
    config = to_plain(compose([f"experiment={system.name}-paper"]))

    assert config["task"]["about"]["system"] == system.name


def test_resumed_equals_uninterrupted(system: TaskInfo, tmp_path: Path) -> None:
    small = SMALL[system.name]
    run_lines(system.name, tmp_path / "whole", *small)
    run_lines(system.name, tmp_path / "parts", *small, "stop.iterations=2")

    resume(tmp_path / "parts", ["stop.iterations=null"], lambda mode: lambda event: None)

    whole = compared(tmp_path / "whole")
    assert len(whole) >= 4
    assert compared(tmp_path / "parts") == whole
