"""Going on with a run: stop rules and checkpoints may change, nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest

from iterun.errors import ConfigError, ConfigErrors, StoreError
from iterun.launch.local import resume
from iterun.store.reader import RunView


def go_on(directory: Path, *overrides: str) -> Any:
    return resume(directory, overrides, lambda mode: lambda event: None)


@pytest.fixture
def short(line: Any) -> Path:
    """A run of six numbers that stopped after two."""
    line("task=mine/count", "task.to=6", "stop.iterations=2")
    return line.runs[0]


def test_resumed_equals_uninterrupted(short: Path, line: Any) -> None:
    line("task=mine/count", "task.to=6")

    outcome = go_on(short, "stop.iterations=null")

    assert outcome.exit_status == 0
    parts, whole = (RunView(run).iterations() for run in line.runs)
    assert len(whole) == 6
    assert [it.metrics for it in parts] == [it.metrics for it in whole]


def test_the_old_config_is_kept(short: Path) -> None:
    go_on(short, "stop.iterations=4", "checkpoint.last=5")

    [old] = short.glob("config.*.json")
    assert json.loads(old.read_bytes())["stop"]["iterations"] == 2
    config = json.loads((short / "config.json").read_bytes())
    assert (config["stop"]["iterations"], config["checkpoint"]["last"]) == (4, 5)
    assert config["task"]["to"] == 6


def test_choices_of_stop_and_checkpoint_can_be_typed(short: Path) -> None:
    go_on(short, "stop=[patience]", "checkpoint=all", "stop.iterations=3")

    config = RunView(short).config
    assert config["stop"]["patience"] is not None
    assert config["checkpoint"]["last"] is None


@pytest.mark.parametrize("word", ["seed=2", "task.to=9", "model=opt-mini", "+stop.x=1", "~stop"])
def test_anything_else_would_be_a_fork(word: str, short: Path) -> None:
    with pytest.raises(ConfigError, match="would make a fork") as caught:
        go_on(short, word)

    assert "start anew: iterun" in caught.value.hint
    assert len(RunView(short).iterations()) == 2


def test_faults_come_together_with_the_nearest_names(short: Path) -> None:
    with pytest.raises(ConfigErrors) as caught:
        go_on(short, "stop.iteratons=3", "stop=patence", "seed=3", "words")

    hints = [error.hint for error in caught.value.errors]
    assert "stop.iterations" in hints[0]
    assert "stop=patience" in hints[1]
    assert len(hints) == 4


def test_a_wrong_value_is_refused_and_the_run_left_as_it_was(short: Path) -> None:
    with pytest.raises(ConfigError, match=r"stop\.patience=-1 is not a whole number"):
        go_on(short, "stop.patience=-1")

    assert (RunView(short).state, RunView(short).status.attempt) == ("completed", 1)


def test_a_run_of_a_gpu_does_not_go_on_without_one(short: Path) -> None:
    record = json.loads((short / "run.json").read_bytes())
    (short / "run.json").write_text(json.dumps(record | {"device": "cuda:63"}))

    with pytest.raises(ConfigError, match="computed on cuda:63, which can't be used here"):
        go_on(short)


def test_the_thread_count_is_the_recorded_one(line: Any) -> None:
    import torch

    line("task=mine/count", "backend.threads=2", "stop.iterations=1")
    torch.set_num_threads(1)

    go_on(line.runs[0], "stop.iterations=null")

    assert torch.get_num_threads() == 2


def test_a_damaged_config_is_said_to_be_one(short: Path) -> None:
    (short / "config.json").write_text("{}")

    with pytest.raises(StoreError, match=r"config\.json"):
        go_on(short)


def test_a_run_goes_back_to_an_iteration_asked_for(short: Path) -> None:
    resume(short, ["stop.iterations=3"], lambda mode: lambda event: None, iteration=1)

    kept = [line.i for line in RunView(short).iterations()]
    assert kept[-1] == 3
    assert len(kept) == len(set(kept))
    assert list(short.glob("iterations.dropped-2.jsonl"))


def test_a_config_without_its_class_is_said_to_be_damaged(short: Path) -> None:
    config = json.loads((short / "config.json").read_bytes())
    del config["task"]["_target_"]
    (short / "config.json").write_text(json.dumps(config))

    with pytest.raises(StoreError, match="does not say which class"):
        go_on(short)


def test_a_run_does_not_go_on_with_another_text(
    line: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.txt").write_text("one text " * 99)
    line("task=mine/count", "task.to=6", "stop.iterations=2", "data=text", "data.path=mine.txt")
    (tmp_path / "mine.txt").write_text("another text " * 99)

    with pytest.raises(ConfigError, match="are not what they were"):
        go_on(line.runs[0])

    assert RunView(line.runs[0]).config["data"]["path"] == str(tmp_path / "mine.txt")


def test_other_versions_are_remarked(short: Path) -> None:
    record = json.loads((short / "run.json").read_bytes())
    record["packages"]["torch"] = "0.1"
    (short / "run.json").write_text(json.dumps(record))
    heard: list[Any] = []

    resume(short, ["stop.iterations=3"], lambda mode: heard.append)

    assert "torch 0.1 -> " in str(heard[0])
