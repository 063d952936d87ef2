"""Going on equals never having stopped, bit for bit; what came later is moved aside and told."""

import json
import os
import signal
from dataclasses import dataclass

import pytest
from core_procedures import ALL, Count, Everything, Slow, attempt, job, story

from iterun.core import resume
from iterun.core.progress import IterationDone, Remark, RunStarted
from iterun.core.runner import run
from iterun.errors import ConfigError, StoreError
from iterun.store import checkpoint
from iterun.store.reader import RunView


@pytest.mark.parametrize("stop_after", [0, 1, 4, 7, 8])
def test_resumed_equals_uninterrupted(tmp_path, uninterrupted, stop_after):
    attempt(Everything(), tmp_path / "run", stop={"iterations": stop_after})

    attempt(Everything(), tmp_path / "run")

    assert story(tmp_path / "run") == uninterrupted


def test_seldom_checkpoints_change_nothing(tmp_path, uninterrupted):
    attempt(
        Everything(), tmp_path / "run", checkpoint={"every": 3, "last": 1}, stop={"iterations": 5}
    )
    attempt(Everything(), tmp_path / "run", checkpoint={"every": 5, "last": 1})

    assert story(tmp_path / "run") == uninterrupted


def test_every_iteration_can_be_gone_on_from(tmp_path, uninterrupted):
    for k in (6, 3, 5, 0):
        attempt(Everything(), tmp_path / "run", checkpoint=ALL)
        attempt(Everything(), tmp_path / "run", checkpoint=ALL, resume_from=k)
        assert story(tmp_path / "run") == uninterrupted


def test_a_resume_of_a_resume_equals_the_whole(tmp_path, uninterrupted):
    for stop_after in (2, 3, 5, 6):
        attempt(Everything(), tmp_path / "run", stop={"iterations": stop_after})
    attempt(Everything(), tmp_path / "run")

    assert RunView(tmp_path / "run").status.attempt == 5
    assert story(tmp_path / "run") == uninterrupted


def test_later_lines_rows_and_files_are_moved_aside_and_told(tmp_path):
    directory, events = tmp_path / "run", []
    attempt(Everything(to=5), directory, checkpoint=ALL)

    attempt(Everything(to=3), directory, resume_from=2, listener=events.append)

    (started,) = [event for event in events if isinstance(event, RunStarted)]
    assert started.resumed_from == 2
    assert started.notes == [
        "going on from iteration 2: 3 later iterations were moved to iterations.dropped-2.jsonl"
    ]
    dropped = (directory / "iterations.dropped-2.jsonl").read_text().splitlines()
    assert [json.loads(line)["i"] for line in dropped] == [3, 4, 5]
    assert (directory / "artifacts" / ".dropped-2" / "note-5.txt").exists()
    rows = (directory / "artifacts" / "transcript.jsonl").read_text().splitlines()
    assert [json.loads(row)["i"] for row in rows] == [1, 1, 2, 2, 3, 3]


def test_later_checkpoints_go_before_the_lines_they_count_on(tmp_path):
    attempt(Count(), tmp_path / "run", checkpoint=ALL)

    attempt(Count(to=4), tmp_path / "run", checkpoint=ALL, resume_from=2)

    assert checkpoint.available(tmp_path / "run") == [0, 1, 2, 3, 4]


def test_a_plan_takes_the_newest_or_the_nearest_before(tmp_path):
    attempt(Count(), tmp_path / "run", checkpoint={"every": 4, "last": None, "share": None})

    assert resume.plan(tmp_path / "run") == 10
    assert resume.plan(tmp_path / "run", 7) == 4
    with pytest.raises(StoreError, match="no iteration 11: its last one is 10"):
        resume.plan(tmp_path / "run", 11)


def test_a_run_without_a_checkpoint_starts_from_the_beginning(tmp_path):
    class Unlucky(Count):
        def baseline(self):
            raise ValueError("no")

    attempt(Unlucky(), tmp_path / "run")

    assert resume.plan(tmp_path / "run") == -1
    assert attempt(Count(), tmp_path / "run").iterations == 10


def test_a_torn_checkpoint_is_left_aside_for_the_one_before(tmp_path, uninterrupted):
    attempt(Everything(), tmp_path / "run", checkpoint=ALL, stop={"iterations": 5})
    torn = tmp_path / "run" / "checkpoints" / "0005" / "state.safetensors"
    torn.write_bytes(torn.read_bytes()[:-1])
    events = []

    attempt(Everything(), tmp_path / "run", listener=events.append)

    assert events[0].resumed_from == 4
    assert events[0].notes[0].startswith("checkpoint 5 is left aside, in checkpoints/.dropped-2: ")
    assert (tmp_path / "run" / "checkpoints" / ".dropped-2" / "0005" / "state.json").exists()
    assert story(tmp_path / "run") == uninterrupted


def test_a_run_with_no_readable_checkpoint_is_left_as_it_was(tmp_path):
    attempt(Count(), tmp_path / "run", checkpoint={"last": 1})
    (tmp_path / "run" / "checkpoints" / "0010" / "state.json").write_text("{")
    before = (tmp_path / "run" / "iterations.jsonl").read_bytes()

    with pytest.raises(StoreError, match="can't be read"):
        attempt(Count(), tmp_path / "run")

    assert RunView(tmp_path / "run").state == "completed"
    assert (tmp_path / "run" / "iterations.jsonl").read_bytes() == before


def test_a_checkpoint_of_a_newer_version_is_not_passed_over(tmp_path):
    attempt(Count(), tmp_path / "run", checkpoint=ALL)
    state = checkpoint.load(tmp_path / "run", 10)
    checkpoint.save(tmp_path / "run", 10, state | {"format": 99})

    with pytest.raises(StoreError, match="written by a newer iterun"):
        attempt(Count(), tmp_path / "run")
    assert checkpoint.available(tmp_path / "run")[-1] == 10


def test_a_config_error_out_of_start_leaves_a_resumed_run_as_it_was(tmp_path):
    class Gone(Count):
        def start(self, run):
            raise ConfigError("model=opt-2.7b cannot be had here")

    attempt(Count(), tmp_path / "run", stop={"iterations": 4})

    with pytest.raises(ConfigError):
        attempt(Gone(), tmp_path / "run")

    view = RunView(tmp_path / "run")
    assert (view.state, view.status.reason) == ("completed", "iterations")
    assert len(view.iterations()) == 5


def test_an_unreadable_record_is_refused_and_nothing_is_moved(tmp_path):
    attempt(Count(), tmp_path / "run", checkpoint=ALL)
    record = tmp_path / "run" / "iterations.jsonl"
    lines = record.read_bytes().splitlines(keepends=True)
    record.write_bytes(b"".join([*lines[:3], b"garbage\n", *lines[4:]]))

    with pytest.raises(StoreError, match="line 4"):
        attempt(Count(), tmp_path / "run", resume_from=6)

    assert checkpoint.available(tmp_path / "run") == list(range(11))
    assert RunView(tmp_path / "run").state == "completed"


def test_a_lost_run_that_is_refused_can_be_resumed_by_another_process(tmp_path):
    attempt(Count(), tmp_path / "run", stop={"iterations": 4})
    (tmp_path / "run" / "status.json").unlink()

    class Gone(Count):
        def start(self, run):
            raise ConfigError("model=opt-2.7b cannot be had here")

    with pytest.raises(ConfigError):
        attempt(Gone(), tmp_path / "run")
    status = RunView(tmp_path / "run").status
    assert (status.state, status.reason) == ("interrupted", "lost")


def test_a_changed_config_is_written_and_the_old_one_kept(tmp_path):
    attempt(Count(to=2), tmp_path / "run", config={"stop": {"iterations": 2}})
    attempt(Count(to=3), tmp_path / "run", config={"stop": {"iterations": 3}})

    assert RunView(tmp_path / "run").config == {"stop": {"iterations": 3}}
    old = json.loads((tmp_path / "run" / "config.2.json").read_text())
    assert old == {"stop": {"iterations": 2}}


def test_a_run_that_is_alive_is_not_resumed(tmp_path):
    class Greedy(Count):
        def step(self, i):
            with pytest.raises(StoreError, match="is being written by process"):
                run(job(Count(), tmp_path / "run", resume_from=0))
            return super().step(i)

    assert attempt(Greedy(to=1), tmp_path / "run").state == "completed"


def test_a_file_that_a_kept_checkpoint_refers_to_outlives_its_replacement(tmp_path):
    """Checkpoint 5 refers to what 3 saved; 6 saves another file of that name."""
    directory = tmp_path / "run"
    attempt(Everything(), directory, checkpoint=ALL, stop={"iterations": 7})
    old = checkpoint.load(directory, 5)["procedure"]["kept"]
    new = checkpoint.load(directory, 7)["procedure"]["kept"]
    assert (old.path, old.sha256 != new.sha256) == (new.path, True)

    outcome = attempt(Everything(to=6), directory, resume_from=5)

    assert (outcome.state, outcome.iterations) == ("completed", 6)


def test_a_file_no_kept_checkpoint_refers_to_is_collected(tmp_path):
    attempt(Everything(), tmp_path / "run", checkpoint={"share": None, "last": 1, "best": 0})

    assert list((tmp_path / "run" / "artifacts" / ".kept").glob("*")) == []


def test_an_older_checkpoint_that_cannot_be_read_ends_no_run(tmp_path):
    events = []
    attempt(Everything(), tmp_path, checkpoint=ALL, stop={"iterations": 5})
    (tmp_path / "checkpoints" / "0002" / "state.json").write_text("{")

    settings = {"share": None, "last": 2, "every_kept": 2}
    outcome = attempt(Everything(), tmp_path, checkpoint=settings, listener=events.append)

    assert outcome.state == "completed"
    (remark,) = [event.text for event in events if isinstance(event, Remark)]
    assert "0002 can't be read" in remark


def test_a_bad_row_is_refused_before_anything_is_moved(tmp_path):
    attempt(Everything(), tmp_path, checkpoint=ALL, stop={"iterations": 5})
    rows = tmp_path / "artifacts" / "transcript.jsonl"
    rows.write_bytes(b"garbage\n" + rows.read_bytes())

    with pytest.raises(StoreError, match=r"transcript\.jsonl: line 1"):
        attempt(Everything(), tmp_path, resume_from=3)

    assert checkpoint.available(tmp_path) == list(range(6))
    assert [line.i for line in RunView(tmp_path).iterations()] == list(range(6))


def hook_that_stops(at):
    def hook(i, j):
        if (i, j) == at:
            raise RuntimeError("power cut")

    return hook


@pytest.mark.parametrize("at", [(1, 1), (2, 3), (3, 5)])
def test_a_safe_point_saves_the_inner_position(tmp_path, at):
    settings = {"checkpoint": {"share": None}}
    attempt(Slow(to=3), tmp_path / "whole", **settings)

    attempt(Slow(to=3, safe=True, hook=hook_that_stops(at)), tmp_path / "run", **settings)
    attempt(Slow(to=3, safe=True), tmp_path / "run", **settings)

    whole, cut = RunView(tmp_path / "whole"), RunView(tmp_path / "run")
    assert [line.metrics for line in cut.iterations()] == [
        line.metrics for line in whole.iterations()
    ]
    rows = "artifacts/rows.jsonl"
    assert (cut.directory / rows).read_text() == (whole.directory / rows).read_text()


def test_an_inner_checkpoint_goes_when_its_iteration_is_done(tmp_path):
    settings = {"checkpoint": {"share": None, "last": 1}}

    attempt(Slow(to=3, safe=True), tmp_path / "run", **settings)

    assert checkpoint.available(tmp_path / "run") == [3]
    assert checkpoint.load(tmp_path / "run", 3)["inner"] is None


def test_safe_points_take_no_more_checkpoints_than_their_share(tmp_path, clock):
    """1 s a tick, grace 2: an inner checkpoint needs both the time and the share."""
    saved = []

    def hook(i, j):
        clock.now += 1
        saved.append(tuple(checkpoint.available(tmp_path / "run")))

    settings = {"checkpoint": {"grace": 2, "every": 5}, "clock": clock}
    attempt(Slow(to=1, inner=6, safe=True, hook=hook), tmp_path / "run", **settings)

    assert saved == [(0,), (0,), (0, 1), (0, 1), (0, 1), (0, 1)]


def cut_inside_3(directory):
    hook = hook_that_stops((3, 3))
    attempt(Slow(to=3, safe=True, hook=hook), directory, checkpoint={"share": None})
    assert checkpoint.load(directory, 3)["procedure"] == {"n": 12, "j": 2}


def test_a_signal_before_the_first_step_leaves_an_inner_checkpoint_alone(tmp_path):
    class Signalled(Slow):
        def start(self, run):
            super().start(run)
            os.kill(os.getpid(), signal.SIGTERM)

    cut_inside_3(tmp_path)

    assert attempt(Signalled(to=3), tmp_path).state == "interrupted"

    assert checkpoint.load(tmp_path, 3)["procedure"] == {"n": 12, "j": 2}
    assert attempt(Slow(to=3, safe=True), tmp_path).summary.last["n"] == 15


def test_a_rule_that_holds_inside_an_iteration_tells_that_there_is_no_result(tmp_path):
    cut_inside_3(tmp_path)
    events = []

    outcome = attempt(Slow(to=2), tmp_path, listener=events.append)

    assert (outcome.state, outcome.reason, outcome.summary.result) == ("completed", "length", {})
    (remark,) = [event.text for event in events if isinstance(event, Remark)]
    assert "`iterun resume abcd1234@2` computes it" in remark
    at_2 = resume.plan(tmp_path, 2)
    assert attempt(Slow(to=2), tmp_path, resume_from=at_2).summary.result == {"counted": 10}


@dataclass(kw_only=True)
class Halves(Count):
    """Saves a file, passes a safe point, reads the file again."""

    def start(self, run):
        super().start(run)
        self.ref = None

    def step(self, i):
        if self.ref is None:
            self.ref = self.run.save_text("half.txt", f"of {i}", at=i)
            self.run.save_text("unnamed.txt", f"of {i}", at=i)
            self.run.safe_point()
        text = self.run.load(self.ref).read_text()
        self.ref = None
        return super().step(i) | {"read": len(text)}

    def state(self):
        return {"n": self.n, "ref": self.ref}

    def restore(self, state):
        self.n, self.ref = state["n"], state["ref"]


def test_files_of_an_inner_checkpoint_stay_when_its_line_is_given_up(tmp_path):
    """Killed between line 3 and checkpoint 3: the one inside 3 is gone on from."""

    def kill(event):
        if isinstance(event, IterationDone) and event.i == 3:
            raise MemoryError

    attempt(Halves(to=3), tmp_path, checkpoint=ALL, listener=kill)
    outcome = attempt(Halves(to=3), tmp_path, checkpoint=ALL)

    assert (outcome.state, outcome.summary.last["read"]) == ("completed", 4)
    files = RunView(tmp_path).iterations()[-1].files
    assert files == ["artifacts/0003/half.txt", "artifacts/0003/unnamed.txt"]
    assert all((tmp_path / name).is_file() for name in files)


class Chatty(Count):
    """Tells something in `start`, as a system that loads a model does."""

    def start(self, run):
        super().start(run)
        run.label(phase="built")
        run.tokens(7)
        run.save_text("model.txt", "a")


class ChattyAtOnce(Chatty):
    def baseline(self):
        return None


@pytest.mark.parametrize("kind", [Chatty, ChattyAtOnce])
def test_what_start_gathers_is_told_once_over_a_resume(tmp_path, kind):
    attempt(kind(to=3), tmp_path / "whole")
    attempt(kind(to=3), tmp_path / "run", stop={"iterations": 1})
    attempt(kind(to=3), tmp_path / "run")

    assert story(tmp_path / "run") == story(tmp_path / "whole")
    assert RunView(tmp_path / "run").iterations()[-1].labels == {}
