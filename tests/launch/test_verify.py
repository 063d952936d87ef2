"""A run computed again: equal bit for bit, or where it differs, and what has changed."""

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from iterun.core.progress import IterationDone, Remark, RunEnded
from iterun.errors import ConfigError, IterunError, StoreError
from iterun.launch.fork import prepare
from iterun.launch.main import run_line
from iterun.launch.verify import verify as launch_verify
from iterun.store.reader import RunView

MINE = Path(__file__).parent / "mine"
SHORT = ("task.steps=6", "task.steps_per_iteration=2", "task.eval_windows=2")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole run of which every checkpoint is there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(MINE))
        outputs = tmp_path_factory.mktemp("original")
        words = ["--config-dir", str(MINE / "conf"), "task=mine/shaped", "checkpoint=all"]
        run_line(words, lambda mode: lambda event: None, str(outputs))
    return next(outputs.glob("mine/shaped/*"))


@pytest.fixture
def run(line: Any, original: Path) -> Path:
    """A copy of that one, to be spoilt."""
    folder = line.outputs / original.relative_to(original.parents[2])
    return Path(shutil.copytree(original, folder))


@pytest.fixture
def verify(line: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Verify a run; nothing may be left behind."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))

    def checked(directory: Path, **options: Any) -> Any:
        verdict = launch_verify(directory, line.events.append, **options)
        assert options.get("keep") or not list(place.glob("iterun-*"))
        return verdict

    return checked


def change(directory: Path, name: str, **values: Any) -> None:
    path = directory / name
    path.write_text(json.dumps(json.loads(path.read_bytes()) | values))


def test_a_run_is_equal_to_itself(run: Path, verify: Any, line: Any) -> None:
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}

    verdict = verify(run)

    assert (verdict.equal, verdict.exit_status) == (True, 0)
    assert (verdict.first, verdict.reached, verdict.upto) == (0, 8, 8)
    assert before == {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    heard = [type(event) for event in line.events]
    assert heard.count(IterationDone) == 9
    assert RunEnded not in heard
    assert line.runs == [run]


def test_the_first_difference_is_told_and_ends_it(
    run: Path, verify: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHAPED_NUDGE", "1e-12")

    verdict = verify(run)

    [difference] = verdict.differences
    assert (difference.i, difference.name, verdict.exit_status) == (3, "norm", 1)
    assert difference.size == pytest.approx(1e-12, rel=0.01)
    assert verdict.reached == 3


def test_all_differences_are_found_if_asked_for(
    run: Path, verify: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHAPED_NUDGE", "1")

    verdict = verify(run, whole=True)

    assert [d.i for d in verdict.differences] == [3, 4, 5, 6, 7, 8]
    assert (verdict.reached, verdict.equal) == (8, False)


def test_labels_count_and_costs_do_not(
    run: Path, verify: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = (run / "iterations.jsonl").read_text().replace('"hours":', '"minutes":')
    (run / "iterations.jsonl").write_text(lines)
    assert verify(run).equal
    monkeypatch.setenv("SHAPED_PHASE", "odd")

    [difference] = verify(run).differences

    assert (difference.i, difference.name, difference.was) == (2, "phase", "even")


def test_it_ends_and_begins_where_it_is_asked_to(
    run: Path, verify: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHAPED_NUDGE", "1")
    assert verify(run, upto=2).equal

    verdict = verify(run, after=4)

    assert (verdict.after, verdict.first, verdict.differences[0].i) == (4, 5, 5)


def test_the_nearest_checkpoint_is_told(run: Path, verify: Any, line: Any) -> None:
    shutil.rmtree(run / "checkpoints/0004")

    verdict = verify(run, after=4)

    assert (verdict.after, verdict.equal) == (3, True)
    remarks = [event.text for event in line.events if isinstance(event, Remark)]
    assert "has no checkpoint 4: from checkpoint 3" in remarks[0]


@pytest.mark.parametrize("upto", [9, -1])
def test_an_iteration_that_is_not_there(run: Path, verify: Any, upto: int) -> None:
    with pytest.raises(StoreError, match="its last one is 8"):
        verify(run, upto=upto)


def test_what_has_changed_is_named_likeliest_first(run: Path, verify: Any) -> None:
    record = json.loads((run / "run.json").read_bytes())
    packages = record["packages"] | {"numpy": "1.0"}
    environment = {"OMP_NUM_THREADS": "64"}
    change(
        run, "run.json", packages=packages, python="3.9.9", host="elsewhere", cpu="Z80",
        version="0.0.1", git={"commit": "f" * 40}, environment=environment,
    )  # fmt: skip

    causes = verify(run).causes

    names = [cause.what for cause in causes]
    wanted = ["numpy", "python", "iterun", "git commit", "CPU", "OMP_NUM_THREADS", "host"]
    assert [name for name in names if name in wanted] == wanted
    assert causes[names.index("numpy")].was == "1.0"


def test_another_text_is_the_first_cause(
    line: Any, verify: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.txt").write_text("one text " * 99)
    line("task=mine/count", "data=text", "data.path=mine.txt")
    (tmp_path / "mine.txt").write_text("another text " * 99)

    verdict = verify(line.runs[0])

    assert (verdict.equal, verdict.causes[0].what) == (True, "model or text")


def test_the_thread_count_is_the_recorded_one(run: Path, verify: Any) -> None:
    import torch

    change(run, "run.json", threads=2)
    torch.set_num_threads(1)

    assert verify(run).equal
    assert torch.get_num_threads() == 2


def test_a_run_that_was_stopped_is_replayed_as_far_as_it_came(line: Any, verify: Any) -> None:
    line("task=mine/shaped", "stop.iterations=3", "stop.seconds=1000")

    verdict = verify(line.runs[0])

    assert (verdict.equal, verdict.reached) == (True, 3)


def test_a_failure_comes_again_or_not(
    line: Any, verify: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHAPED_FAILS_AT", "3")
    line("task=mine/shaped")
    [run] = line.runs

    again = verify(run)
    monkeypatch.delenv("SHAPED_FAILS_AT")
    mended = verify(run)

    assert again.failure == "fails again: ValueError: lost shape"
    assert mended.failure == "does not fail again: ValueError: lost shape"
    assert (again.equal, mended.equal, again.reached) == (True, False, 2)
    assert (again.exit_status, mended.exit_status) == (0, 1)


def test_a_replay_that_fails_where_the_run_did_not_differs(
    run: Path, verify: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHAPED_FAILS_AT", "5")

    verdict = verify(run)

    assert verdict.ended == "failed after iteration 4: ValueError: lost shape"
    assert (verdict.equal, verdict.exit_status, verdict.reached) == (False, 1, 4)


def test_a_fork_is_verified_from_where_it_branched_off(run: Path, verify: Any, line: Any) -> None:
    ready = prepare(run, ["task.rate=2", "seed=7"], outputs=line.outputs, iteration=5)
    fork = ready.begin(lambda mode: line.events.append).directory
    shutil.rmtree(run)

    verdict = verify(fork)

    assert (verdict.equal, verdict.after, verdict.first, verdict.reached) == (True, 5, 6, 8)
    assert verdict.causes == []


def test_a_fork_without_its_checkpoint_and_a_run_without_lines_are_refused(
    run: Path, verify: Any, line: Any
) -> None:
    fork = prepare(run, [], outputs=line.outputs, iteration=5)
    directory = fork.begin(lambda mode: line.events.append).directory
    shutil.rmtree(directory / "checkpoints")
    (run / "iterations.jsonl").write_text("")

    with pytest.raises(StoreError, match="branched off at 5"):
        verify(directory)
    with pytest.raises(StoreError, match="no recorded iteration yet"):
        verify(run)


def test_a_device_that_is_not_here_is_refused(run: Path, verify: Any) -> None:
    change(run, "run.json", device="cuda:63")

    with pytest.raises(ConfigError, match="computed on cuda:63, which can't be used here"):
        verify(run)


def test_the_replay_is_kept_if_asked_for(run: Path, verify: Any) -> None:
    verdict = verify(run, keep=True)

    kept, was = RunView(verdict.folder), RunView(run)
    assert [line.i for line in kept.iterations()] == [line.i for line in was.iterations()]
    assert kept.checkpoints() == []


@pytest.mark.slow
def test_prune_perp_comes_out_again(line: Any, verify: Any) -> None:
    line("task=prune/perp", "debug=tiny", *SHORT, "stop.iterations=3")

    verdict = verify(line.runs[0])

    assert (verdict.equal, verdict.reached, verdict.causes) == (True, 3, [])


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"after": 4, "upto": 4}, "nothing is left to compare from checkpoint 4 to iteration 4"),
        ({"after": 5, "upto": 2}, "nothing is left to compare from checkpoint 5 to iteration 2"),
        ({"after": -5}, "--from -5: iterations count from 0"),
    ],
)
def test_nothing_compared_is_not_called_equal(
    run: Path, verify: Any, asked: dict[str, int], error: str
) -> None:
    with pytest.raises(IterunError) as caught:
        verify(run, **asked)

    assert error in caught.value.message
