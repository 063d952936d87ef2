"""Jobs in worker processes, and sweeps that are ended from outside: real processes and signals."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from iterun.launch.account import SweepError
from iterun.launch.events import JobTold, SweepEnded, SweepStarted
from iterun.store import process, sweeps
from iterun.store.reader import RunView

pytestmark = pytest.mark.slow
pytest.importorskip("joblib")

ROOT = Path(__file__).parents[2]
MINE = Path(__file__).parent / "mine"
JOBLIB = "hydra/launcher=joblib"
SLOW = ["-m", "task=mine/slow", "task.to=15", "task.seconds=0.1"]
LIMIT = 120.0  # seconds until something is given up


class Typed:
    """Lines typed in processes of their own, each in a process group as a terminal makes one."""

    def __init__(self, outputs: Path) -> None:
        self.outputs = outputs
        self.begun: list[subprocess.Popen[str]] = []

    def begin(self, *words: str) -> subprocess.Popen[str]:
        line = [sys.executable, "-m", "iterun", "--config-dir", str(MINE / "conf"), *words]
        path = os.pathsep.join([str(ROOT), str(MINE)])
        env = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
        done = subprocess.Popen(
            line, env={**env, "PYTHONPATH": path, "ITERUN_OUTPUTS": str(self.outputs)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        self.begun.append(done)
        return done

    def __call__(self, *words: str) -> tuple[int, str]:
        return self.end(self.begin(*words))

    @staticmethod
    def end(begun: subprocess.Popen[str]) -> tuple[int, str]:
        said, _ = begun.communicate(timeout=LIMIT)
        return begun.returncode, said

    @property
    def runs(self) -> list[Path]:
        return sorted(path.parent for path in self.outputs.glob("*/*/*/run.json"))

    def lines(self) -> list[int]:
        return [len(RunView(run).iterations()) for run in self.runs]

    def states(self) -> list[str]:
        return [RunView(run).state for run in self.runs]


def until(condition: Callable[[], Any]) -> None:
    """Wait for it; nobody knows how long a busy machine takes."""
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, "it did not come"
        threading.Event().wait(0.05)


@pytest.fixture
def typed(tmp_path: Path) -> Iterator[Typed]:
    found = Typed(tmp_path / "outputs")
    yield found
    for one in found.begun:
        one.kill()
        one.communicate()


def under_way(typed: Typed, n: int, *, lines: int = 2) -> Callable[[], bool]:
    return lambda: len([k for k in typed.lines() if k >= lines]) >= n


def test_jobs_in_workers_are_runs_like_any_other(line: Any) -> None:
    assert line("-m", JOBLIB, "hydra.launcher.n_jobs=2", "task=mine/slow", "task.to=2",
                "task.seconds=0.6", "seed=1,2,3") == 0  # fmt: skip

    [started] = [event for event in line.events if isinstance(event, SweepStarted)]
    assert (started.workers, started.launcher) == (2, "joblib")
    assert sorted(RunView(run).record.seed for run in line.runs) == [1, 2, 3]
    assert {event.number for event in line.events if isinstance(event, JobTold)} == {0, 1, 2}
    assert {job.state for job in sweeps.jobs(Path(started.sweep.folder))} == {"completed"}


def test_workers_share_the_cores_and_the_record_says_so(
    line: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iterun.launch.device.cores", lambda: 4)
    line("-m", JOBLIB, "task=mine/slow", "task.to=1", "backend.threads=auto,3", "seed=1,2",
         "hydra.launcher.n_jobs=2")  # fmt: skip

    [started] = [event for event in line.events if isinstance(event, SweepStarted)]
    threads = sorted(RunView(run).record.threads for run in line.runs)
    own = len(os.sched_getaffinity(0))  # workers count for themselves
    assert (started.workers, started.threads) == (2, 2)
    assert threads == sorted([min(2, own)] * 2 + [3, 3])


def test_a_worker_that_is_killed_takes_only_its_own_job_along(line: Any, tmp_path: Path) -> None:
    asked = ["-m", JOBLIB, "task=mine/slow", "task.to=4", "task.kill_at=3,null", "seed=1,2",
             f"task.mended={tmp_path}/mended", "checkpoint.share=null"]  # fmt: skip
    with pytest.raises(SweepError, match=r"2 of 4 jobs failed \(2 lost\)") as caught:
        line(*asked)

    [ended] = [event for event in line.events if isinstance(event, SweepEnded)]
    assert [job.state for job in ended.jobs] == ["lost", "lost", "completed", "completed"]
    assert "its worker was ended from outside: SIGKILL" in caught.value.message
    (tmp_path / "mended").touch()
    assert line(*asked, "on_existing=resume") == 0
    assert [len(RunView(run).iterations()) for run in line.runs] == [4] * 4


@pytest.mark.parametrize("launcher", ["local", "joblib"])
def test_ctrl_c_stops_with_checkpoints_and_the_line_goes_on(launcher: str, typed: Typed) -> None:
    asked = [*SLOW, f"hydra/launcher={launcher}", "seed=1,2,3"]
    sweep = typed.begin(*asked)
    until(under_way(typed, 1))
    os.killpg(sweep.pid, signal.SIGINT)  # as a terminal does: all of the group

    status, said = typed.end(sweep)
    assert (status, set(typed.states())) == (130, {"interrupted"})
    assert "on_existing=resume" in said.splitlines()[-1]
    assert len(typed.runs) < 3
    assert typed(*asked, "on_existing=resume")[0] == 0
    assert typed.lines() == [15] * 3


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGUSR2, 140)])
def test_a_signal_to_the_parent_alone_reaches_the_workers(
    number: signal.Signals, status: int, typed: Typed
) -> None:
    sweep = typed.begin(*SLOW, JOBLIB, "seed=1,2,3")
    until(under_way(typed, 1))
    os.kill(sweep.pid, number)

    assert typed.end(sweep)[0] == status
    assert set(typed.states()) == {"interrupted"}
    assert {RunView(run).status.reason for run in typed.runs} == {number.name}


def test_a_second_ctrl_c_leaves_at_once(typed: Typed) -> None:
    sweep = typed.begin(*SLOW, JOBLIB, "seed=1,2", "task.seconds=60", "checkpoint.grace=600")
    until(lambda: sum((run / "checkpoints" / "0000").is_dir() for run in typed.runs) == 2)
    threading.Event().wait(1.0)  # well inside the first step
    os.killpg(sweep.pid, signal.SIGINT)
    threading.Event().wait(1.0)  # two at once would be one
    os.killpg(sweep.pid, signal.SIGINT)

    assert typed.end(sweep)[0] == 130
    assert "running" not in typed.states()


def test_a_sweep_that_was_killed_goes_on_where_it_stopped(typed: Typed) -> None:
    asked = [*SLOW, JOBLIB, "seed=1,2,3", "checkpoint.share=null"]
    sweep = typed.begin(*asked)
    until(under_way(typed, 2))
    os.kill(sweep.pid, signal.SIGKILL)
    until(lambda: "running" not in typed.states())  # orphans leave in order
    until(lambda: not any(process.is_alive(RunView(run).status) for run in typed.runs))

    assert typed(*asked, "on_existing=resume")[0] == 0
    assert typed.lines() == [15] * 3
    assert len({RunView(run).record.seed for run in typed.runs}) == 3


def test_a_sweep_killed_in_its_one_process_goes_on_too(typed: Typed) -> None:
    asked = [*SLOW, "seed=1,2,3", "checkpoint.share=null"]
    sweep = typed.begin(*asked)
    until(lambda: sum(typed.lines()) > 17)
    os.kill(sweep.pid, signal.SIGKILL)
    sweep.wait()

    status, said = typed(*asked, "on_existing=resume")
    assert (status, typed.lines()) == (0, [15] * 3)
    assert "job 0 exists" in said
    assert "job 1 completed, resumed" in said


def test_the_same_line_beside_itself_does_nothing_twice(typed: Typed, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    asked = [*SLOW, JOBLIB, "seed=1,2,3", "on_existing=resume", f"task.gate={gate}"]
    first = typed.begin(*asked)
    until(under_way(typed, 2, lines=1))
    second = typed.begin(*asked)
    assert second.stdout is not None
    alone = next(line for line in second.stdout if "running elsewhere" in line)
    gate.touch()

    assert (typed.end(first)[0], typed.end(second)[0]) == (0, 0)
    assert "job 0 " in alone or "job 1 " in alone
    assert typed.lines() == [15] * 3
