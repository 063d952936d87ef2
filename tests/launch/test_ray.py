"""Sweeps on Ray: a real cluster of two nodes on this machine."""

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

from iterun.store.reader import RunView

pytestmark = pytest.mark.slow
pytest.importorskip("ray")

ROOT = Path(__file__).parents[2]
MINE = Path(__file__).parent / "mine"
LIMIT = 180.0  # seconds until something is given up
SWEEP = ["--config-dir", str(MINE / "conf"), "-m", "hydra/launcher=ray"]
# A cluster in a process of its own; a line takes its second node away.
CLUSTER = """
import sys
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
other = cluster.add_node(num_cpus=1)
cluster.wait_for_nodes()
print(cluster.address, other.node_id, flush=True)
for line in sys.stdin:
    cluster.remove_node(other, allow_graceful=False)
    print("removed", flush=True)
cluster.shutdown()
"""


class Nodes:
    """A cluster of two nodes with a core each."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", CLUSTER], env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0"},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self.address, self.second = self._said().split()

    def remove_second(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        assert self._said() == "removed"

    def close(self) -> None:
        self.process.communicate(timeout=LIMIT)

    def _said(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    found = Nodes()
    yield found
    found.close()


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
    def runs(self) -> list[RunView]:
        return [RunView(path.parent) for path in sorted(self.outputs.glob("*/*/*/run.json"))]

    def numbers(self) -> list[list[int]]:
        return [[line.i for line in run.iterations()] for run in self.runs]

    def nodes(self) -> list[set[str]]:
        """The nodes that each run was on."""
        return [{line.labels["node"] for line in run.iterations()} for run in self.runs]


def until(condition: Callable[[], Any]) -> None:
    """Wait for it; nobody knows how long a busy machine takes."""
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, "it did not come"
        threading.Event().wait(0.1)


@pytest.fixture
def typed(tmp_path: Path) -> Iterator[Typed]:
    found = Typed(tmp_path / "outputs")
    yield found
    for process in found.begun:
        process.kill()
        process.communicate()


def test_jobs_are_done_on_both_nodes(typed: Typed, nodes: Nodes) -> None:
    status, said = typed(*SWEEP, f"hydra.launcher.address={nodes.address}", "task=mine/placed",
                         "task.to=5", "seed=1,2,3,4")  # fmt: skip

    assert status == 0
    assert typed.numbers() == [[1, 2, 3, 4, 5]] * 4
    assert len(set.union(*typed.nodes())) == 2
    assert "(pid=" not in said
    assert "dashboard" not in said
    assert {run.record.threads for run in typed.runs} == {1}


def test_jobs_of_a_node_that_is_lost_go_on_on_another(typed: Typed, nodes: Nodes) -> None:
    sweep = typed.begin(*SWEEP, f"hydra.launcher.address={nodes.address}", "task=mine/placed",
                        "task.to=60", "checkpoint.share=null", "seed=1,2")  # fmt: skip
    until(lambda: len(typed.runs) == 2 and all(len(run.iterations()) > 5 for run in typed.runs))
    nodes.remove_second()

    status, said = typed.end(sweep)
    assert (status, "is done again" in said) == (0, True)
    assert typed.numbers() == [list(range(1, 61))] * 2
    assert sorted(run.status.attempt for run in typed.runs) == [1, 2]
    assert sorted(len(on) for on in typed.nodes()) == [1, 2]


@pytest.mark.long
def test_a_worker_that_is_killed_too_often_is_in_the_account(typed: Typed, tmp_path: Path) -> None:
    asked = ["task=mine/slow", "task.to=5", "task.seconds=0.05", "task.kill_at=3,null", "seed=1",
             "hydra.launcher.max_retries=1", f"task.mended={tmp_path}/mended"]  # fmt: skip
    status, said = typed(*SWEEP, *asked)

    assert status == 1
    assert "1 of 2 jobs failed (1 lost)" in said
    assert said.count("job 0 is done again") == 1
    (tmp_path / "mended").touch()
    assert typed(*SWEEP, *asked, "on_existing=resume")[0] == 0
    assert typed.numbers() == [[1, 2, 3, 4, 5]] * 2


@pytest.mark.long
def test_jobs_that_fail_are_listed_and_not_done_again(typed: Typed) -> None:
    status, said = typed(*SWEEP, "task=mine/count", "task.fail_at=2,null")

    assert status == 1
    assert "ValueError: lost count" in said
    assert "is done again" not in said
    assert sorted(run.state for run in typed.runs) == ["completed", "failed"]


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_jobs_with_checkpoints_and_the_line_goes_on(
    number: signal.Signals, typed: Typed
) -> None:
    asked = [*SWEEP, "task=mine/slow", "task.to=40", "task.seconds=0.1", "seed=1,2,3"]
    sweep = typed.begin(*asked)
    until(lambda: any(len(run.iterations()) > 2 for run in typed.runs))
    os.killpg(sweep.pid, number)

    status, said = typed.end(sweep)
    assert (status, {run.state for run in typed.runs}) == (128 + number, {"interrupted"})
    assert "on_existing=resume" in said.splitlines()[-1]
    assert {run.status.reason for run in typed.runs} == {number.name}
    assert typed(*asked, "on_existing=resume")[0] == 0
    assert typed.numbers() == [list(range(1, 41))] * 3


@pytest.mark.long
def test_a_job_that_fits_nowhere_is_refused(typed: Typed) -> None:
    status, said = typed(*SWEEP, "task=mine/count", "seed=1,2", "hydra.launcher.num_gpus=64")

    assert (status, typed.runs) == (2, [])
    assert "a job needs 1 CPU, 64 GPU, and this machine has fewer" in said


@pytest.mark.long
def test_a_cluster_that_is_not_there_is_an_error_with_a_hint(typed: Typed) -> None:
    status, said = typed(*SWEEP, "task=mine/count", "seed=1,2", "hydra.launcher.address=auto")

    assert (status, "ray status" in said, "Traceback" in said) == (2, True, False)
