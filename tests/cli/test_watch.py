"""`iterun watch`: runs as they go on, written by another thread or process."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from iterun.cli import watch, watch_panel, watched
from iterun.cli.watched import Watched
from iterun.errors import StoreError
from iterun.store import paths
from iterun.store.reader import RunView
from iterun.store.schema import RunRecord, Status, encode
from iterun.store.writer import RunWriter

RECORD = RunRecord(
    id="abcd", system="prune/perp", family="prune", signature="5e1f", seed=1, created="",
    model="opt-mini", data="pydoc", host="node17", objective={"metric": "ppl", "goal": "min"},
)  # fmt: skip
COMMAND = [sys.executable, "-m", "iterun", "watch"]


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_TICK", 0.02)


@contextmanager
def writing(tmp_path: Path, id: str = "abcd", first: int = 2) -> Iterator[RunWriter]:
    """A run that goes on, with some iterations of four."""
    created = datetime.now().astimezone().isoformat(timespec="seconds")
    record = replace(RECORD, id=id, created=created)
    directory = tmp_path / "outputs" / "prune" / "perp" / f"run-{id}"
    with RunWriter.create(directory, record=record, config={"task": {}}) as writer:
        writer.length(4)
        for i in range(first):
            writer.append(i, seconds=2.0, metrics={"ppl": 30.0 - i}, cost={"peak_mem_mb": 5.0})
        yield writer


@pytest.fixture
def later() -> Iterator[Callable[..., None]]:
    """Does something in another thread, soon."""
    threads = []

    def start(action: Callable[[], object], seconds: float = 0.1) -> None:
        threads.append(threading.Timer(seconds, action))
        threads[-1].start()

    yield start
    for thread in threads:
        thread.join()


def test_a_pipe_gets_a_line_an_iteration_as_it_comes(iterun, tmp_path, later):
    with writing(tmp_path) as writer:
        later(lambda: writer.append(2, seconds=2.0, metrics={"ppl": 20.0}))
        later(lambda: writer.status("completed", reason="length", iteration=2), 0.2)
        answer = iterun("watch")

    assert answer.lines == [
        "[0/4] ppl=30 (2.00 s)", "[1/4] ppl=29 (2.00 s)", "[2/4] ppl=20 (2.00 s)",
    ]  # fmt: skip
    assert answer.status == 0
    assert "completed" in answer.err


@pytest.mark.parametrize(
    ("state", "reason", "status"),
    [
        ("failed", "ValueError", 1), ("diverged", "ppl", 3), ("interrupted", "SIGINT", 130),
        ("interrupted", "SIGTERM", 143), ("interrupted", None, 130),
    ],
)  # fmt: skip
def test_the_exit_status_is_that_of_the_run_s_end(iterun, tmp_path, later, state, reason, status):
    with writing(tmp_path) as writer:
        later(lambda: writer.status(state, reason=reason, error="it broke\nmend it"))
        answer = iterun("watch")

    assert answer.status == status
    assert "error: it broke" in answer.err


def test_a_run_whose_process_is_gone_is_lost(iterun, tmp_path):
    with writing(tmp_path) as writer:
        status = Status(state="running", pid=1 << 22, host="elsewhere", boot_id="x", heartbeat=1.0)
        (writer.directory / paths.STATUS).write_bytes(encode(status.to_json()))

        answer = iterun("watch")

    assert answer.status == 1
    assert "lost  its process is gone" in answer.err


def test_a_run_on_another_machine_is_watched_by_its_heartbeat(tmp_path):
    with writing(tmp_path) as writer:
        status = Status(state="running", host="far", boot_id="x", heartbeat=time.time() - 40)
        (writer.directory / paths.STATUS).write_bytes(encode(status.to_json()))
        run = Watched(writer.directory)
        run.look()

    assert run.is_running
    head = watch_panel.one(run, 120, 20, unicode=True)[0]
    text = "".join(getattr(part, "text", part) for part in head)
    assert "last sign of life 40s ago" in text


def test_one_look_shows_state_progress_metrics_cost_and_log(iterun, tmp_path):
    with writing(tmp_path) as writer:
        writer.log("half \x1b[31mway\n")
        answer = iterun("watch", "--once")

    assert answer.status == 0
    first, _, progress, metric, *rest = answer.lines
    assert first.startswith("prune/perp  abcd  running  opt-mini  pydoc  seed 1")
    assert progress.split()[:2] == ["iteration", "1/4"]
    assert "left" in progress
    assert metric.split()[:2] == ["ppl", "29"]
    assert rest == ["  peak_mem_mb 5", "  log  half \\x1b[31mway"]


def test_the_time_left_is_that_of_the_iterations_to_come(tmp_path):
    with writing(tmp_path, first=3) as writer:
        run = Watched(writer.directory, clock=lambda: 0.0)
        run.look()
        run.clock = lambda: run._recent[-1].time + 0.5

        assert run.seconds_left == pytest.approx(3.5)  # two of 2 s, of which 0.5 s are gone


def test_the_newest_run_that_goes_on_is_watched_before_newer_ones_that_ended(
    iterun, runs, tmp_path
):
    runs("later", created="2030-01-01T00:00:00+01:00")

    with writing(tmp_path):
        assert "abcd" in iterun("watch", "--once").out


def test_a_run_that_has_ended_is_shown_and_left(iterun, runs):
    runs(ppl=[30.0, 25.0], state="failed", error="no room")

    answer = iterun("watch", "3f9a", "--once")

    assert answer.status == 1
    assert "error: no room" in answer.out


def test_several_runs_are_a_table_that_new_ones_join(iterun, runs, tmp_path, later):
    runs("done", ppl=[30.0, 25.0])

    with writing(tmp_path) as writer:
        later(lambda: runs("new", ppl=[30.0, 24.0]))
        later(lambda: writer.status("interrupted", reason="SIGTERM"), 0.3)
        answer = iterun("watch", "task=prune")

    assert answer.status == 143
    assert {line.split()[0] for line in answer.lines} == {"abcd", "done", "new"}
    assert "abcd  interrupted  by SIGTERM" in answer.err


def test_a_table_has_a_line_a_run_and_fits_the_screen(iterun, runs, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for n in range(3):
        runs(f"r{n}", signature=f"{n}", parameters={"sparsity": n / 10}, error="e" * 90)

    lines = iterun("watch", "task=prune", "--once").lines

    assert len(lines) == 5
    assert max(map(len, lines)) <= 80
    assert lines[-1] == "3 completed"


def test_a_resume_is_told_and_its_lines_are_shown_again(iterun, tmp_path, later):
    def go_back() -> None:
        writer.drop_after(0)
        writer.append(1, seconds=1.0, metrics={"ppl": 7.0})

    with writing(tmp_path) as writer:
        later(go_back)
        later(lambda: writer.status("completed"), 0.4)
        answer = iterun("watch")

    assert "abcd was resumed: read anew" in answer.err
    assert answer.lines[-1] == "[1/4] ppl=7 (1.00 s)"


def test_machines_get_an_object_an_iteration_and_the_state(iterun, runs):
    runs(ppl=[30.0, 25.0])

    first, second, last = map(json.loads, iterun("watch", "@-1", "--json").lines)

    assert (first["run"], second["metrics"]["ppl"]) == ("3f9a1c2b", 25.0)
    assert (last["state"], last["iteration"]) == ("completed", 1)


def test_a_run_that_is_removed_is_said_to_be_gone(iterun, tmp_path, later):
    with writing(tmp_path) as writer:
        later(lambda: writer.directory.rename(tmp_path / "elsewhere"))
        answer = iterun("watch")

    assert answer.status == 2
    assert "is gone" in answer.err or "no such folder" in answer.err  # it may go before the look


def test_a_run_that_is_moved_away_within_a_look_is_gone_and_not_lost(tmp_path, monkeypatch):
    with writing(tmp_path) as writer:
        run = Watched(writer.directory)

        def moved(directory: Path) -> RunView:
            directory.rename(tmp_path / "elsewhere")
            return RunView(directory)

        monkeypatch.setattr(watched, "RunView", moved)
        with pytest.raises(StoreError, match="is gone"):
            run.look()


def test_of_several_runs_one_that_is_removed_is_watched_no_more(iterun, tmp_path, later):
    with writing(tmp_path, "abcd") as one, writing(tmp_path, "bcde") as two:
        later(lambda: two.directory.rename(tmp_path / "elsewhere"))
        later(lambda: one.status("completed", reason="length"), 0.4)
        answer = iterun("watch", "task=prune")

    assert answer.status == 0
    assert "abcd  completed" in answer.err
    assert "1 run removed meanwhile" in answer.err


def test_a_run_is_watched_as_a_whole(iterun, runs):
    runs(ppl=[30.0, 25.0])

    assert "takes whole runs" in iterun("watch", "@-1@1").err


def test_nothing_to_watch_is_said(iterun):
    answer = iterun("watch")

    assert answer.status == 2
    assert "no runs below" in answer.err


def test_ctrl_c_leaves_the_run_alone(tmp_path):
    with writing(tmp_path) as writer:
        watching = subprocess.Popen(
            [*COMMAND, "--outputs", str(tmp_path / "outputs")],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert watching.stdout is not None
        assert watching.stdout.readline().startswith("[0/4]")
        watching.send_signal(signal.SIGINT)
        _, said = watching.communicate(timeout=20)

        assert watching.returncode == 130
        assert "left; the run goes on" in said
        assert Watched(writer.directory).is_running
