"""Other tools that hear of a run: it neither waits for them nor computes otherwise."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from iterun.core.progress import Remark, RunEnded
from iterun.errors import ConfigError, UnavailableError
from iterun.launch import mirrors
from iterun.launch.local import resume
from iterun.store.reader import RunView
from iterun.trackers import process

HERE = Path(__file__).parent
NOTEBOOK = "+logger.notebook={_target_:own_mirror.Notebook,place:null,wait:20}"


def mirrors_alive() -> list[psutil.Process]:
    """This process's children that mirror runs; other tests have children of their own."""
    return [it for it in psutil.Process().children() if process._CODE in it.cmdline()]


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package of the user's own with a tool, as if it were installed."""
    monkeypatch.syspath_prepend(str(HERE / "mirror"))
    yield
    process.close_idle()


def heard(run: Path) -> list[Any]:
    """What the notebook wrote of a run."""
    [path] = run.parents[2].glob(f".trackers/notebook/{RunView(run).id}.jsonl")
    return [json.loads(text) for text in path.read_text().splitlines()]


def remarks(line: Any) -> list[str]:
    return [event.text for event in line.events if isinstance(event, Remark)]


def metrics(run: Path) -> list[Any]:
    return [(it.i, it.metrics, it.labels) for it in RunView(run).iterations()]


def test_a_mirror_hears_all_of_a_run(line: Any) -> None:
    assert line("task=mine/count", "task.to=3", NOTEBOOK) == 0

    began, *told, ended = heard(line.runs[0])
    assert began["parameters"]["to"] == 3
    assert [(it["i"], it["metrics"]["total"]) for it in told] == [(1, 1), (2, 2), (3, 3)]
    assert ended == {"ended": "completed"}
    assert remarks(line) == []


def test_a_run_is_the_same_with_and_without_a_mirror(line: Any) -> None:
    line("task=mine/count", "task.to=4")
    line("task=mine/count", "task.to=4", NOTEBOOK)

    bare, mirrored = line.runs
    assert metrics(bare) == metrics(mirrored)
    assert RunView(bare).record.signature == RunView(mirrored).record.signature
    names = [sorted(path.name for path in run.rglob("*")) for run in (bare, mirrored)]
    assert names[0] == names[1]


@pytest.mark.parametrize("where", ["begin", "iterations", "end"])
def test_a_mirror_that_fails_is_told_of_once(line: Any, where: str) -> None:
    assert line("task=mine/count", "task.to=3", NOTEBOOK, f"+logger.notebook.fails={where}") == 0

    [said] = remarks(line)
    assert "notebook is switched off, the run is not: OSError: [Errno 28] No space left" in said
    assert "iterun export" not in said  # which knows no tools of one's own
    assert isinstance(line.events[-1], RunEnded)
    assert RunView(line.runs[0]).state == "completed"
    assert len(metrics(line.runs[0])) == 3


def test_a_mirror_that_hangs_is_not_waited_for_long(line: Any) -> None:
    assert line("task=mine/count", NOTEBOOK, "+logger.notebook.hangs=true",
                "logger.notebook.wait=0.2") == 0  # fmt: skip

    [said] = remarks(line)
    assert "not written everything 0.2 s after the run's end" in said


@pytest.mark.slow
def test_one_of_ours_that_fails_names_the_export(line: Any, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    (tmp_path / "file").touch()
    place = str(tmp_path / "file" / "below")

    line("task=mine/count", "logger=tensorboard", f"logger.tensorboard.place={place}")

    [said] = remarks(line)
    run = RunView(line.runs[0]).id
    assert f"`iterun export {run} --to tensorboard --out {place}`" in said


def test_a_package_inside_one_that_is_missing_is_said(
    line: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import own_mirror

    monkeypatch.setattr(own_mirror.Absent, "package", "package_that_nobody_has.inside")

    with pytest.raises(UnavailableError, match=r"package_that_nobody_has\.inside"):
        line("task=mine/count", "+logger.absent={_target_:own_mirror.Absent,place:null,wait:20}")


def test_one_ctrl_c_ends_the_wait_for_all(line: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirrors, "SOON", 0.05)
    hanging = "={_target_:own_mirror.Notebook,place:null,wait:0,hangs:true}"
    line("task=mine/count", "stop.iterations=1", f"+logger.a{hanging}", f"+logger.b{hanging}")
    said: list[str] = []

    def listener(event: Any) -> None:
        if isinstance(event, Remark):
            said.append(event.text)
            if "still writing" in event.text:
                signal.raise_signal(signal.SIGINT)

    resume(line.runs[0], ["logger.a.wait=60", "logger.b.wait=60"], lambda mode: listener)

    assert ["not waited for" in text for text in said] == [False, True, True]
    assert mirrors_alive() == []


def test_one_that_fails_does_not_keep_another_from_hearing(line: Any) -> None:
    second = "+logger.second={_target_:own_mirror.Notebook,place:null,wait:20,fails:begin}"

    line("task=mine/count", NOTEBOOK, second)

    assert len(remarks(line)) == 1
    assert {"ended": "completed"} in heard(line.runs[0])


def test_a_package_that_is_missing_is_said_before_anything_else(line: Any) -> None:
    with pytest.raises(UnavailableError, match="package_that_nobody_has") as caught:
        line("task=mine/count", "+logger.absent={_target_:own_mirror.Absent,place:null,wait:20}")

    assert caught.value.hint == "pip install package_that_nobody_has"
    assert line.nothing_left


def test_a_tool_of_ours_that_is_missing_names_its_extra(
    line: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)  # as an import takes it: not there

    with pytest.raises(UnavailableError) as caught:
        line("task=mine/count", "logger=tensorboard")

    assert caught.value.hint == 'pip install "iterun[tensorboard]"'
    assert line.nothing_left


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("+logger.x={_target_:os.system,place:null}", "os offers no builders to iterun"),
        ("+logger.x={_target_:iterun.trackers.follow.tell}", "is no Tracker"),
        ("+logger.x={place:here}", "logger.x names no tool"),
        ("+logger.x=3", "logger.x names no tool"),
        (NOTEBOOK.replace("20", "soon"), "logger.notebook.wait=soon"),
        (NOTEBOOK.replace("20", "-1"), "logger.notebook.wait=-1 is no time"),
        (NOTEBOOK.replace("20", "inf"), "logger.notebook.wait=inf is no time"),
        (NOTEBOOK.replace("20", "nan"), "logger.notebook.wait=nan is no time"),
        (NOTEBOOK.replace("20", "1e12"), "logger.notebook.wait=1e+12 is no time"),
        (NOTEBOOK.replace("place", "plaice"), "plaice"),
    ],
)
def test_a_mirror_that_can_not_be_is_refused(line: Any, override: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        line("task=mine/count", override)

    found = caught.value
    messages = [one.message for one in getattr(found, "errors", [found])]
    assert any(said in message for message in messages), messages
    assert line.nothing_left


def test_a_refused_run_leaves_no_process(line: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from counting_system import Count

    def refuse(self: Count, run: Any) -> None:
        raise ConfigError("the model has no such columns")

    monkeypatch.setattr(Count, "start", refuse)

    with pytest.raises(ConfigError, match="no such columns"):
        line("task=mine/count", NOTEBOOK)
    assert mirrors_alive() == []
    assert line.runs == []


def test_a_sweep_starts_a_tool_once(line: Any) -> None:
    line("-m", "task=mine/count", "seed=1,2,3", NOTEBOOK)

    assert len(line.runs) == 3
    assert len({heard(run)[0]["pid"] for run in line.runs}) == 1
    assert {heard(run)[0]["nice"] for run in line.runs} == {max(10, os.nice(0))}


def test_few_processes_are_kept_for_other_settings(
    line: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "MOST_IDLE", 1)

    line("-m", "task=mine/count", NOTEBOOK, "logger.notebook.wait=20,21,22")

    assert len(line.runs) == 3
    assert len(mirrors_alive()) == 1


def test_a_place_is_recorded_in_full(
    line: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    line("task=mine/count", NOTEBOOK.replace("place:null", "place:kept"))

    [run] = line.runs
    assert RunView(run).config["logger"]["notebook"]["place"] == str(tmp_path / "kept")
    assert (tmp_path / "kept" / f"{RunView(run).id}.jsonl").exists()


def go_on(directory: Path, *overrides: str) -> tuple[Any, list[str]]:
    """Resume, and the remarks."""
    events: list[Any] = []
    outcome = resume(directory, overrides, lambda mode: events.append)
    return outcome, [event.text for event in events if isinstance(event, Remark)]


def test_a_resumed_run_is_mirrored_on(line: Any) -> None:
    line("task=mine/count", "task.to=5", "stop.iterations=2", NOTEBOOK)
    [run] = line.runs

    go_on(run, "stop.iterations=null")

    told = [it["i"] for it in heard(run) if "i" in it]
    assert told == [1, 2, 1, 2, 3, 4, 5]  # begun anew, as this tool wants it
    assert heard(run)[-1] == {"ended": "completed"}


def test_a_resume_may_set_other_mirrors(line: Any) -> None:
    line("task=mine/count", "task.to=4", "stop.iterations=2", NOTEBOOK)
    [run] = line.runs

    outcome, said = go_on(run, "stop.iterations=null", "logger=[]")

    assert (outcome.exit_status, said) == (0, [])
    assert [it["i"] for it in heard(run) if "i" in it] == [1, 2]
    assert RunView(run).config["logger"] == {}


def test_a_resume_takes_single_settings_of_a_mirror(line: Any) -> None:
    line("task=mine/count", "task.to=4", "stop.iterations=2", NOTEBOOK)
    [run] = line.runs

    go_on(run, "logger.notebook.wait=5")

    assert RunView(run).config["logger"]["notebook"]["wait"] == 5
    with pytest.raises(ConfigError, match="mlflow does not mirror this run"):
        go_on(run, "logger.mlflow.place=here")
    with pytest.raises(ConfigError, match="there is no such choice"):
        go_on(run, "logger=mlfow")


@pytest.mark.slow
@pytest.mark.parametrize("tool", ["tensorboard", "mlflow", "wandb", "trackio"])
def test_each_tool_mirrors_a_run_to_where_export_writes(line: Any, tool: str) -> None:
    pytest.importorskip(tool, exc_type=ImportError)

    line("task=mine/count", f"logger=[{tool}]")

    assert [said for said in remarks(line) if "still writing" not in said] == []
    assert list((line.outputs / ".trackers" / tool).iterdir())
    assert list(RunView(line.runs[0]).config["logger"]) == [tool]


def test_several_choices_become_one_node() -> None:
    from iterun.config.compose import compose, to_plain

    config = to_plain(compose(["task=prune/perp", "logger=[tensorboard,mlflow]"]))

    assert list(config["logger"]) == ["tensorboard", "mlflow"]
    assert config["logger"]["mlflow"]["place"] is None


SLOW = """
import os, signal, sys
from iterun.core.progress import IterationDone
from iterun.launch.main import run_line
def listener(event):
    if isinstance(event, IterationDone) and event.i == 3:
        os.kill(os.getpid(), signal.SIGKILL)
run_line(sys.argv[2:], lambda mode: listener, sys.argv[1])
"""


@pytest.mark.slow
def test_what_a_killed_run_recorded_is_told_to_its_end(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SLOW, str(tmp_path), "--config-dir", str(HERE / "mine" / "conf"),
         "task=mine/count", "task.to=9", NOTEBOOK],
        env={**os.environ, "PYTHONPATH": f"{HERE / 'mirror'}:{HERE / 'mine'}"},
        stdout=subprocess.PIPE, check=False,
    )  # fmt: skip  # the mirror holds no end of this pipe: it does not keep us from going on

    assert done.returncode == -signal.SIGKILL
    [run] = (path.parent for path in tmp_path.glob("*/*/*/run.json"))
    assert wait_for(lambda: heard(run)[-1] == {"ended": "lost"})
    assert [it["i"] for it in heard(run) if "i" in it] == [1, 2, 3]


def wait_for(holds: Any) -> bool:
    """Whether it comes to hold within ten seconds."""
    from time import monotonic

    deadline = monotonic() + 10
    while monotonic() < deadline:
        try:
            if holds():
                return True
        except (ValueError, IndexError):
            continue  # the file is not there yet
    return False
