"""run.json: signature, commit and patch, versions, environment by allow-list."""

import importlib.metadata
import subprocess
from pathlib import Path
from typing import Any

import pytest

from iterun.launch import git
from iterun.launch.record import PACKAGES, versions
from iterun.launch.signature import signature
from iterun.store.reader import RunView
from iterun.types import Placement

PLACE = Placement(device="cpu", dtype="float32", threads=1)


def config(**more: Any) -> dict[str, Any]:
    task = {"_target_": "a.B", "about": {"system": "a/b"}, "objective": None, "x": 1}
    return {"task": task, "model": None, "data": None, "seed": 0, **more}


def opt_mini(**more: Any) -> dict[str, Any]:
    return {"_target_": "iterun.models.lm.load", "kinds": ["lm"], **more}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "code.py").write_text("x = 1\n")
    for words in (
        ["init", "-q"], ["add", "."],
        ["-c", "user.name=n", "-c", "user.email=e", "commit", "-q", "-m", "first"],
    ):  # fmt: skip
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    return tmp_path


def test_the_signature_is_of_task_model_data_and_dtype_alone() -> None:
    mine = signature(config(), PLACE)

    assert mine == signature(config(seed=5, tags=["a"], stop={"iterations": 3}), PLACE)
    assert mine != signature(config(task=config()["task"] | {"x": 2}), PLACE)
    assert mine != signature(config(), Placement(device="cpu", dtype="bfloat16", threads=1))
    assert mine != signature(config(model=opt_mini(name="opt-mini", asset="opt-mini")), PLACE)


def test_a_folder_enters_the_signature_by_content(tmp_path: Path) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
        (tmp_path / name / "model.safetensors").write_bytes(b"weights")
    here, there = (opt_mini(name=n, folder=str(tmp_path / n)) for n in ("here", "there"))

    same = signature(config(model=here), PLACE) == signature(config(model=there), PLACE)
    (tmp_path / "there" / "model.safetensors").write_bytes(b"another")
    other = signature(config(model=here), PLACE) != signature(config(model=there), PLACE)

    assert (same, other) == (True, True)


def test_a_text_file_enters_the_signature_by_content(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("words " * 400)
    local = {"_target_": "iterun.data.text.local", "dev": 0.1, "test": 0.2}
    a, b = (local | {"name": n, "path": str(tmp_path / n)} for n in ("a.txt", "b.txt"))

    assert signature(config(data=a), PLACE) == signature(config(data=b), PLACE)


def test_a_file_among_the_parameters_enters_by_content(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"ids")
    tasks = [config()["task"] | {"calibration": f"file:{tmp_path / n}"} for n in ("a", "b")]

    a, b = (signature(config(task=task), PLACE) for task in tasks)

    assert a == b


def test_a_clean_repository_is_its_commit(repository: Path) -> None:
    known, patch = git.Look(repository).state()

    assert known is not None
    assert (len(known["commit"]), known["dirty"], patch) == (40, False, None)


def test_a_changed_repository_has_its_patch(repository: Path) -> None:
    (repository / "code.py").write_text("x = 2\n")
    (repository / "new.py").write_text("")

    known, patch = git.Look(repository).state()

    assert known is not None
    assert (known["dirty"], known["untracked"]) == (True, 1)
    assert patch is not None
    assert "-x = 1\n+x = 2\n" in patch


def test_a_patch_that_is_too_large_is_left_out(repository: Path) -> None:
    for name in ("code.py", "new.py"):
        (repository / name).write_text("y = 1\n" * (git.LARGEST_PATCH // 10))
    subprocess.run(["git", "add", "new.py"], cwd=repository, check=True)

    known, patch = git.Look(repository).state()

    assert known is not None
    assert (known["dirty"], patch) == (True, None)


def test_a_repositorys_own_programs_are_not_run(repository: Path) -> None:
    (repository / "code.py").write_text("x = 2\n")
    for key in ("core.fsmonitor", "diff.external"):
        subprocess.run(["git", "config", key, "touch ran; true"], cwd=repository, check=True)

    git.Look(repository).state()

    assert not (repository / "ran").exists()


def test_outside_a_repository_there_is_no_commit(tmp_path: Path) -> None:
    assert git.Look(tmp_path).state() == (None, None)


def test_a_look_that_is_not_needed_ends_git(repository: Path) -> None:
    with git.Look(repository) as look:
        pass

    assert look._status is not None
    assert look._status.returncode is not None


def test_versions_are_those_of_importlib() -> None:
    found = versions()

    assert {"torch", "numpy", "transformers"} <= set(found) <= set(PACKAGES)
    assert all(found[name] == importlib.metadata.version(name) for name in found)


def test_the_environment_is_recorded_by_allow_list(
    line: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    monkeypatch.setenv("SLURM_JOB_ID", "42")

    line("task=mine/count", "model=opt-mini", "data=pydoc")

    text = (line.runs[0] / "run.json").read_text()
    record = RunView(line.runs[0]).record
    assert "secret" not in text
    assert record.environment["SLURM_JOB_ID"] == "42"
    assert (record.model, record.data, record.dtype) == ("opt-mini", "pydoc", "float32")
    assert record.command[-3:] == ["task=mine/count", "model=opt-mini", "data=pydoc"]


def test_the_patch_stands_beside_the_record(
    line: Any, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / "code.py").write_text("x = 2\n")
    monkeypatch.chdir(repository)

    line("task=mine/count")

    git_state = RunView(line.runs[0]).record.git
    assert git_state is not None
    assert "+x = 2" in (line.runs[0] / git_state["patch"]).read_text()
