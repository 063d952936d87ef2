"""Branching off in the engine: the parent's continuation, until a setting is another one."""

import signal
from dataclasses import replace

import pytest
from core_procedures import ALL, Count, Everything, attempt, record, story
from test_disk import fill, small_disk  # noqa: F401  a fixture

from iterun.core import resume
from iterun.core.fork import Branch, nearest_whole
from iterun.core.job import Replay
from iterun.errors import ConfigError, DiskError, StoreError
from iterun.store import copy
from iterun.store.reader import RunView

PLAIN = Branch(run="abcd1234", iteration=5, signature="s")
CONFIG = {"task": {"_target_": "x.Y", "to": 8}}


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    """A run of everything that stopped after 6, every checkpoint kept."""
    directory = tmp_path_factory.mktemp("parent") / "run"
    attempt(Everything(), directory, checkpoint=ALL, stop={"iterations": 6})
    return directory


def branch_off(parent, directory, branch=PLAIN, seed=3):
    """A fork's directory, ready to go on."""
    own = replace(record(), id="fork0001", parent=branch.to_json(), seed=seed)
    with copy.appearing(directory) as part:
        copy.prefix(parent, branch.iteration, part)
        copy.write_record(part, record=own, config=CONFIG)
    return directory


def test_a_fork_without_changes_is_the_parents_continuation(parent, uninterrupted, tmp_path):
    directory = branch_off(parent, tmp_path / "fork")

    outcome = attempt(Everything(), directory, checkpoint=ALL)

    assert (outcome.state, RunView(directory).status.attempt) == ("completed", 1)
    assert story(directory) == uninterrupted


def test_another_seed_begins_where_it_branches_off(parent, tmp_path):
    changes = {"seed": [3, 9]}
    other = replace(PLAIN, changes=changes, start_seed=3, reseed=True)
    runs = [branch_off(parent, tmp_path / f"{n}", other, seed=9) for n in range(2)]

    for directory in runs:
        attempt(Everything(), directory, checkpoint=ALL)

    first, second = (RunView(directory).iterations() for directory in runs)
    before = RunView(parent).iterations()
    assert [line.metrics for line in first[:6]] == [line.metrics for line in before[:6]]
    assert first[6].metrics != before[6].metrics
    assert [line.metrics for line in first] == [line.metrics for line in second]


@pytest.mark.parametrize("at", [6, 7])
def test_a_reseeded_fork_that_was_stopped_goes_on_as_if_it_was_not(parent, tmp_path, at):
    other = replace(PLAIN, changes={"seed": [3, 9]}, start_seed=3, reseed=True)
    whole, parts = (branch_off(parent, tmp_path / name, other, seed=9) for name in "ab")

    attempt(Everything(), whole, checkpoint=ALL)
    attempt(Everything(), parts, checkpoint=ALL, stop={"iterations": at})
    attempt(Everything(), parts, checkpoint=ALL)

    assert story(parts) == story(whole)


@pytest.mark.parametrize("k", [5, 6])
def test_a_fork_of_a_reseeded_fork_is_its_continuation(parent, tmp_path, k):
    other = replace(PLAIN, changes={"seed": [3, 9]}, start_seed=3, reseed=True)
    first = branch_off(parent, tmp_path / "a", other, seed=9)
    attempt(Everything(), first, checkpoint=ALL)
    below = replace(other, run="fork0001", iteration=k, changes={}, reseed=k == 5)

    second = branch_off(first, tmp_path / "b", below, seed=9)
    attempt(Everything(), second, checkpoint=ALL)

    assert story(second)[0] == story(first)[0]


class Narrow(Everything):
    def restore(self, state):
        raise RuntimeError("size mismatch for weight: [64] and [32]\nand more")


def test_a_state_that_does_not_fit_is_one_sentence(parent, tmp_path):
    directory = branch_off(parent, tmp_path / "f", replace(PLAIN, changes={"task.width": [64, 32]}))

    with pytest.raises(ConfigError, match=r"abcd1234@5 does not fit .*task\.width.*size mis") as it:
        attempt(Narrow(), directory)

    assert "and more" not in it.value.message
    assert RunView(directory).status.state == "interrupted"


def test_a_bug_in_restore_stays_a_bug_where_nothing_was_changed(parent, tmp_path):
    outcome = attempt(Narrow(), branch_off(parent, tmp_path / "fork"))

    assert (outcome.state, outcome.error.startswith("RuntimeError")) == ("failed", True)


class Converging(Count):
    def step(self, i):
        if i == 5:
            self.run.stop("converged")
        return super().step(i)


@pytest.mark.parametrize(
    ("changes", "n"), [({"stop.iterations": [5, 9]}, 5), ({"task.x": [1, 2]}, 9)]
)
def test_an_end_that_other_settings_gave_holds_no_more(tmp_path, changes, n):
    attempt(Converging(), tmp_path / "parent", checkpoint=ALL)
    directory = branch_off(tmp_path / "parent", tmp_path / "f", replace(PLAIN, changes=changes))

    assert attempt(Converging(to=9), directory).iterations == n


@pytest.mark.parametrize(
    ("changes", "n"), [({"stop.patience": [None, 4]}, 5), ({"task.x": [1, 2]}, 10)]
)
def test_patience_begins_anew_with_other_settings(tmp_path, changes, n):
    """The objective counts up and is to be small: no iteration is better than the first one."""
    goal = {"metric": "n", "goal": "min"}
    attempt(Count(), tmp_path / "parent", checkpoint=ALL, objective=goal)
    directory = branch_off(tmp_path / "parent", tmp_path / "f", replace(PLAIN, changes=changes))

    outcome = attempt(Count(to=99), directory, objective=goal, stop={"patience": 4})

    assert (outcome.reason, outcome.iterations) == ("patience", n)


def test_the_checkpoint_that_a_fork_began_from_stays(parent, tmp_path):
    directory = branch_off(parent, tmp_path / "fork")

    attempt(Everything(), directory, checkpoint={"last": 1, "best": 0, "share": None})

    assert RunView(directory).checkpoints() == [5, 8]


def test_a_fork_is_not_gone_on_with_before_it_branched_off(parent, tmp_path):
    directory = branch_off(parent, tmp_path / "fork")

    with pytest.raises(StoreError, match="branched off at 5 of abcd1234") as caught:
        resume.plan(directory, 3)

    assert "iterun fork abcd1234@3" in caught.value.hint
    assert resume.plan(directory, 5) == 5


def test_a_replay_ends_where_it_is_told_with_a_checkpoint_and_no_result(parent, tmp_path):
    copy.write_record(tmp_path, record=record(), config=CONFIG)
    replay = Replay(until=lambda i: i == 4, keep=True)

    outcome = attempt(Everything(), tmp_path, checkpoint=ALL, replay=replay, resume_from=-1)

    view = RunView(tmp_path)
    assert (outcome.state, outcome.reason, view.checkpoints()) == ("interrupted", "replay", [4])
    assert not view.summary.result
    lines = [line.metrics for line in RunView(parent).iterations()]
    assert [line.metrics for line in view.iterations()] == lines[:5]


def test_only_checkpoints_between_iterations_count(parent):
    assert nearest_whole(parent, 4) == 4
    assert nearest_whole(parent, 99) == 6
    assert nearest_whole(parent / "artifacts", 3) == -1


@pytest.mark.parametrize("moment", range(4, 92, 8))
def test_killed_while_it_is_made_there_is_no_half_run(fork, parent, tmp_path, moment):
    child = fork("forking", source=parent, directory=tmp_path / "fork", kill_at=moment)

    assert child.wait() == -signal.SIGKILL

    made = tmp_path / "fork"
    if made.exists():
        assert attempt(Everything(), made, checkpoint=ALL).state == "completed"
    branch_off(parent, tmp_path / "other")
    assert list(tmp_path.glob(".part-*/status.json")) == []


@pytest.mark.parametrize("leave", [0, 4096, 65536, 300_000])
def test_a_full_disk_leaves_no_half_run(small_disk, parent, leave):  # noqa: F811
    fill(small_disk, leave)

    with pytest.raises(DiskError, match="no space left"):
        branch_off(parent, small_disk / "a" / "fork")

    assert [path.name for path in small_disk.iterdir()] == ["ballast"]
