"""Sweeps on SLURM: a real cluster of one node, started for these tests and stopped after them."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from iterun.store import sweeps
from iterun.store.reader import RunView

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
MINE = Path(__file__).parent / "mine"
LIMIT = 120.0  # seconds until something is given up
SWEEP = [
    "--config-dir", str(MINE / "conf"), "-m", "hydra/launcher=submitit_slurm", "task=mine/slow",
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    daemons = [shutil.which(name, path="/usr/sbin:/usr/bin") for name in ("slurmctld", "munged")]
    if os.geteuid() != 0 or None in daemons:
        pytest.skip("needs root, slurm-wlm and munge")
    folder = tmp_path_factory.mktemp("slurm")
    script = [sys.executable, str(ROOT / "scripts" / "slurm_one_node")]
    subprocess.run([*script, "start", str(folder)], check=True, timeout=LIMIT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
        yield folder
        subprocess.run([*script, "stop", str(folder)], check=True, timeout=LIMIT)


class Typed:
    """Lines typed in processes of their own."""

    def __init__(self, outputs: Path) -> None:
        self.outputs = outputs
        self.begun: list[subprocess.Popen[str]] = []

    def begin(self, *words: str) -> subprocess.Popen[str]:
        path = os.pathsep.join([str(ROOT), str(MINE)])
        done = subprocess.Popen(
            [sys.executable, "-m", "iterun", *words],
            env={**os.environ, "PYTHONPATH": path, "ITERUN_OUTPUTS": str(self.outputs)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        self.begun.append(done)
        return done

    @staticmethod
    def end(process: subprocess.Popen[str]) -> tuple[int, str]:
        said, _ = process.communicate(timeout=LIMIT)
        return process.returncode, said

    def __call__(self, *words: str) -> tuple[int, str]:
        return self.end(self.begin(*words))

    @property
    def runs(self) -> list[Path]:
        return sorted(path.parent for path in self.outputs.glob("*/*/*/run.json"))

    @property
    def folder(self) -> Path:
        [found] = sweeps.all_sweeps(self.outputs)
        return found

    def run(self, number: int) -> RunView:
        record = sweeps.read_job(self.folder, number)
        assert record is not None
        return RunView(Path(str(record.directory)))

    def reached(self, number: int, i: int) -> Callable[[], bool]:
        return lambda: (
            any(self.outputs.glob(".sweeps/*/sweep.json"))
            and (record := sweeps.read_job(self.folder, number)) is not None
            and record.directory is not None
            and len(self.run(number).iterations()) >= i
        )

    def states(self) -> list[str]:
        return [job.state for job in sweeps.jobs(self.folder)]


def until(condition: Callable[[], Any]) -> None:
    """Wait for it; nobody knows how long a busy machine takes."""
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, "it did not come"
        threading.Event().wait(0.05)


def slurm(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout


def element(number: int, form: str = "%F_%K") -> str:
    """What does a job of the one sweep there is, as SLURM names it."""
    said = slurm("squeue", "--noheader", "--array", f"--format=%K {form}")
    return dict(line.split() for line in said.splitlines())[str(number)]


def warn(number: int) -> None:
    """Send what comes before the time is over, once: to an element of an array it is repeated."""
    slurm("scancel", "--signal=USR2", element(number, "%A"))


@pytest.fixture
def typed(tmp_path: Path) -> Iterator[Typed]:
    found = Typed(tmp_path / "outputs")
    yield found
    for process in found.begun:
        process.kill()
        process.communicate()
    slurm("scancel", "--user=root")
    until(lambda: not slurm("squeue", "--noheader"))


def test_jobs_of_an_array_are_runs_like_any_other(typed: Typed) -> None:
    asked = ["seed=1,2,3,4", "task.to=2", "hydra.launcher.array_parallelism=2"]
    status, said = typed(*SWEEP, *asked)

    assert (status, "4 jobs submitted" in said) == (0, True)
    assert typed.states() == ["completed"] * 4
    assert {len(RunView(run).iterations()) for run in typed.runs} == {2}
    assert {RunView(run).record.threads for run in typed.runs} == {1}
    assert not list(typed.outputs.rglob("*.pkl"))
    repeated, said = typed(*SWEEP, *asked, "on_existing=resume")
    assert (repeated, "submitted" in said, len(typed.runs)) == (0, False, 4)


def test_the_warning_before_the_time_is_over_makes_a_job_go_on_later(
    typed: Typed, tmp_path: Path
) -> None:
    asked = ["seed=1,2", "task.to=20", "task.seconds=0.2"]
    sweep = typed.begin(*SWEEP, *asked)
    until(typed.reached(0, 3))
    warn(0)

    assert typed.end(sweep)[0] == 0
    assert [typed.run(n).status.attempt for n in (0, 1)] == [2, 1]
    whole = Typed(tmp_path / "whole")
    assert whole(*SWEEP, *asked, "hydra/launcher=local")[0] == 0
    for n in (0, 1):
        lines = [(line.i, line.metrics) for line in typed.run(n).iterations()]
        assert lines == [(line.i, line.metrics) for line in whole.run(n).iterations()]


def test_a_job_goes_back_into_the_queue_only_so_often(typed: Typed) -> None:
    sweep = typed.begin(*SWEEP, "seed=1", "task.to=200", "hydra.launcher.max_num_timeout=0")
    until(typed.reached(0, 1))
    warn(0)

    status, said = typed.end(sweep)
    assert (status, typed.states()) == (1, ["interrupted"])
    assert "job 0 interrupted: SIGUSR2" in said
    assert "on_existing=resume" in said


def test_a_job_that_dies_without_a_word_is_in_the_account(typed: Typed) -> None:
    sweep = typed.begin(*SWEEP, "seed=1,2", "task.to=200")
    until(lambda: typed.reached(0, 1)() and typed.reached(1, 1)())
    os.kill(typed.run(0).status.pid, signal.SIGKILL)
    slurm("scancel", element(1))

    status, said = typed.end(sweep)
    states = [typed.run(0).state, typed.run(1).state]
    assert (status, states) == (1, ["lost", "interrupted"])
    assert "2 of 2 jobs failed (1 lost, 1 interrupted)" in said
    assert "ended without a word: FAILED, exit status 137" in said
    assert typed.run(1).checkpoints()


def test_a_job_that_fails_or_is_cancelled_in_the_queue_is_in_the_account(typed: Typed) -> None:
    count = [*SWEEP[:-1], "task=mine/count", "hydra.launcher.array_parallelism=1"]
    sweep = typed.begin(*count, "task.fail_at=2,null", "seed=1,2")
    until(lambda: len(slurm("squeue", "-h", "-r").splitlines()) == 4)
    slurm("scancel", element(3))

    status, said = typed.end(sweep)
    states = [job.state for job in sweeps.jobs(typed.folder)]
    assert (status, states) == (1, ["failed", "failed", "completed", "interrupted"])
    assert "ValueError: lost count" in said
    assert "was cancelled before it began" in said


def test_ctrl_c_leaves_jobs_on_the_cluster_and_the_line_finds_them_again(typed: Typed) -> None:
    asked = [*SWEEP, "seed=1,2,3", "task.to=30", "hydra.launcher.array_parallelism=2"]
    sweep = typed.begin(*asked)
    until(typed.reached(0, 1))
    os.killpg(sweep.pid, signal.SIGINT)

    status, said = typed.end(sweep)
    assert (status, "stay on the cluster" in said, "scancel" in said) == (130, True, True)
    status, said = typed(*asked, "on_existing=resume")
    assert (status, "of before" in said, "submitted" in said) == (0, True, False)
    assert {len(RunView(run).iterations()) for run in typed.runs} == {30}
    assert {RunView(run).status.attempt for run in typed.runs} == {1}


def test_without_waiting_the_line_returns_at_once(typed: Typed) -> None:
    status, said = typed(*SWEEP, "seed=1,2", "task.to=3", "hydra.launcher.wait=false")

    assert (status, "2 on the cluster" in said) == (0, True)
    assert sweeps.read(typed.folder).state == "running"
    until(lambda: typed.states() == ["completed"] * 2)


def test_what_sbatch_refuses_is_said_in_its_words(typed: Typed) -> None:
    status, said = typed(*SWEEP, "seed=1,2", "hydra.launcher.partition=nowhere")

    assert (status, typed.runs) == (2, [])
    assert "invalid partition specified: nowhere" in said


def test_more_jobs_than_an_array_may_have_are_several(typed: Typed) -> None:
    count = [*SWEEP[:-1], "task=mine/count", "hydra.launcher.wait=false", "debug=tiny"]
    status, said = typed(*count, f"seed={','.join(map(str, range(60)))}")

    assert (status, "49 jobs submitted" in said, "11 jobs submitted" in said) == (0, True, True)
