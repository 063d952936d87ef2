"""What is handed to a cluster, and what is not: without one."""

from pathlib import Path
from typing import Any

import pytest

from iterun.errors import ConfigError, UnavailableError
from iterun.launch.afar import done_before
from iterun.launch.slurm import batch, queue
from iterun.launch.sweep import Asked, Sweep
from iterun.store import sweeps

SLURM = ["-m", "hydra/launcher=submitit_slurm", "task=mine/count", "seed=1,2"]
LIMITS = {"signal_delay_s": 60, "array_parallelism": 3, "max_num_timeout": 5}


def program(folder: Path, name: str, text: str) -> None:
    """A program that a cluster would have."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def sbatch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One that takes any job and keeps what it was told."""
    told = tmp_path / "told"
    program(tmp_path / "bin", "sbatch", f'printf "%s\\n" "$@" > {told}; echo 12')
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    return told


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    return Sweep(
        id="s", key="s", folder=str(tmp_path / "s"), stamp="20261124-135026", cwd=str(tmp_path),
        outputs=str(tmp_path), path=("a", "b"), flags=("--config-dir", "c"), judge={"x": 1},
    )  # fmt: skip


def test_settings_become_options_of_sbatch(tmp_path: Path) -> None:
    settings = LIMITS | {
        "partition": "gpu", "qos": None, "timeout_min": 90, "mem_gb": 1.5, "name": "mine",
        "gpus_per_node": 2, "comment": "two words", "wait": False,
        "additional_parameters": {"mail_type": "END", "exclusive": True, "requeue": False},
    }  # fmt: skip
    words = batch.options(settings, 7, tmp_path)

    assert {
        "--partition=gpu", "--time=90", "--mem=1536M", "--job-name=mine", "--gpus-per-node=2",
        "--comment=two words", "--array=0-6%3", "--signal=USR2@60", "--mail-type=END",
        "--exclusive", f"--output={tmp_path}/%A_%a.log",
    } <= set(words)  # fmt: skip
    assert not [word for word in words if "qos" in word or "wait" in word or "requeue" in word]


def test_the_script_has_the_users_lines_and_quotes_paths(tmp_path: Path) -> None:
    settings = LIMITS | {"setup": ["module load cuda", "source env/bin/activate"]}
    text = batch.text(settings, tmp_path / "a b.json")

    assert text.startswith("#!/bin/bash\nmodule load cuda\nsource env/bin/activate\n")
    assert f"iterun.launch.slurm.job '{tmp_path}/a b.json'" in text
    assert '"${SLURM_RESTART_COUNT:-0}" -lt 5 ]' in text


def test_a_job_finds_in_a_file_what_it_is_to_do(sweep: Sweep, sbatch: Path) -> None:
    jobs = [Asked(4, ("seed=1", "task.words=['ä b']")), Asked(9, ("seed=2",))]
    found = batch.submit(sweep, jobs, LIMITS)

    file = Path(sweep.folder) / "slurm" / "0.json"
    assert batch.job(file, 1) == (sweep, jobs[1])
    assert (found.array, found.numbers) == ("12", {"12_0": 4, "12_1": 9})
    assert batch.submitted(Path(sweep.folder)) == [found]
    assert "--array=0-1%3" in sbatch.read_text().splitlines()


def test_what_sbatch_says_is_the_error(tmp_path: Path, sbatch: Path) -> None:
    program(sbatch.parent / "bin", "sbatch", 'echo "sbatch: error: no such qos" >&2; exit 1')

    with pytest.raises(ConfigError, match="sbatch refuses the jobs: no such qos"):
        batch.probe(LIMITS, tmp_path)


def test_a_job_inside_a_job_of_slurm_hands_on_nothing_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("SLURM_JOB_ID", "SLURM_CPUS_PER_TASK", "SLURM_CONF"):
        monkeypatch.setenv(name, "1")

    assert [name for name in queue.environment() if name.startswith("SLURM_")] == ["SLURM_CONF"]


def test_without_slurm_the_line_says_where_to_type_it(
    line: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(UnavailableError, match="there is no sbatch here") as caught:
        line(*SLURM)
    assert "login node" in caught.value.hint
    assert line.nothing_left


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("nodes=2", "a run is one process"),
        ("array_parallelism=0", "not a whole number of at least 1"),
        ("timeout_min=soon", "not a whole number"),
        pytest.param(
            "wait=false hydra/sweeper=optuna", "a search asks for jobs", marks=pytest.mark.slow
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    setting: str, said: str, line: Any, sbatch: Path
) -> None:
    with pytest.raises(ConfigError, match=said):
        line(*SLURM, *f"hydra.launcher.{setting}".split())
    assert line.nothing_left
    assert not sbatch.exists()


def test_a_job_whose_run_is_complete_is_not_done_again(line: Any) -> None:
    line("-m", "task=mine/count", "task.fail_at=null", "seed=1,2")
    [folder] = sweeps.all_sweeps(line.outputs)
    settings = ("task=mine/count", "task.fail_at=null", "seed=1")

    found = done_before(folder, Asked(0, (*settings, "on_existing=resume")))
    assert found is not None
    assert (found.state, found.note, found.metrics["total"]) == ("completed", "exists", 3.0)
    assert done_before(folder, Asked(0, ("task=mine/count", "seed=5"))) is None
    assert done_before(folder, Asked(7, settings)) is None
