"""Branching off: the same past, other settings from there on."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from iterun.core.progress import Remark
from iterun.errors import ConfigError, ConfigErrors, DiskError, IterunError, StoreError
from iterun.launch.fork import prepare
from iterun.launch.local import resume
from iterun.launch.main import run_line
from iterun.store.reader import RunView

MINE = Path(__file__).parent / "mine"
SHORT = ("task.steps=6", "task.steps_per_iteration=2", "task.eval_windows=2")
ALL = ("checkpoint=all",)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole run of which every checkpoint is there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(MINE))
        outputs = tmp_path_factory.mktemp("original")
        words = ["--config-dir", str(MINE / "conf"), "task=mine/shaped", *ALL]
        run_line(words, lambda mode: lambda event: None, str(outputs))
    return next(outputs.glob("mine/shaped/*"))


@pytest.fixture
def parent(line: Any, original: Path) -> Path:
    """A copy of that one, to be forked and spoilt."""
    folder = line.outputs / original.relative_to(original.parents[2])
    return Path(shutil.copytree(original, folder))


@pytest.fixture
def fork(line: Any) -> Callable[..., Path]:
    """Make a fork and let it run; gives its directory."""

    def make(directory: Path, *words: str, at: int | None = None) -> Path:
        ready = prepare(directory, words, outputs=line.outputs, iteration=at, argv=["fork", *words])
        return ready.begin(lambda mode: line.events.append).directory

    return make


def metrics(directory: Path) -> list[tuple[int, str]]:
    return [(line.i, repr((line.metrics, line.labels))) for line in RunView(directory).iterations()]


def remarks(line: Any) -> str:
    return "\n".join(event.text for event in line.events if isinstance(event, Remark))


def test_without_a_change_it_comes_out_as_the_parent(parent: Path, fork: Any) -> None:
    directory = fork(parent, at=5)

    assert metrics(directory) == metrics(parent)
    view = RunView(directory)
    assert view.record.parent == {
        "run": RunView(parent).id, "iteration": 5, "signature": RunView(parent).record.signature,
    }  # fmt: skip
    assert (view.state, view.status.attempt) == ("completed", 1)


def test_the_past_is_shared_and_the_future_changed(parent: Path, fork: Any) -> None:
    directory = fork(parent, "task.rate=2", "tags=[mine]", at=5)

    assert metrics(directory)[:6] == metrics(parent)[:6]
    assert metrics(directory)[6] != metrics(parent)[6]
    view = RunView(directory)
    assert view.record.parent["changes"] == {"task.rate": [1.0, 2], "tags": [[], ["mine"]]}
    assert (view.config["task"]["rate"], view.summary.parameters["rate"]) == (2, 2)
    assert view.record.command == ["iterun", "fork", "task.rate=2", "tags=[mine]"]


def test_files_and_rows_of_the_past_come_along_and_no_others(parent: Path, fork: Any) -> None:
    directory = fork(parent, "task.rounds=6", at=5)

    names = {path.name for path in RunView(directory).artifacts()}
    assert names == {"log.jsonl", *(f"weights-{i}.json" for i in range(1, 7))}
    rows = (directory / "artifacts/log.jsonl").read_text().splitlines()
    assert [json.loads(row)["i"] for row in rows] == [1, 2, 3, 4, 5, 6]


def test_without_a_checkpoint_the_way_is_gone_with_the_parents_settings(
    line: Any, fork: Any
) -> None:
    line("task=mine/shaped", "checkpoint.every=3", "checkpoint.last=null", "checkpoint.share=null")
    [parent] = line.runs
    assert RunView(parent).checkpoints() == [0, 3, 6, 8]

    directory = fork(parent, "task.rate=2", at=5)

    raw = (parent / "iterations.jsonl").read_bytes().splitlines()
    assert (directory / "iterations.jsonl").read_bytes().splitlines()[:6] == raw[:6]
    assert metrics(fork(parent, at=5)) == metrics(parent)
    assert "@5 has no checkpoint: replayed from checkpoint 3" in remarks(line)
    assert not list(directory.glob("artifacts/.dropped*/*"))


def test_without_any_checkpoint_it_is_replayed_from_the_beginning(parent: Path, fork: Any) -> None:
    shutil.rmtree(parent / "checkpoints")

    assert metrics(fork(parent, at=0)) == metrics(parent)


def test_a_replay_that_differs_from_the_record_is_no_fork(parent: Path, fork: Any) -> None:
    shutil.rmtree(parent / "checkpoints")
    lines = (parent / "iterations.jsonl").read_text()
    (parent / "iterations.jsonl").write_text(lines.replace('"norm":0.0', '"norm":0.5'))

    with pytest.raises(StoreError, match=r"does not come out again.*iteration 0 in norm") as caught:
        fork(parent, at=4)

    assert "iterun verify" in caught.value.hint
    assert len(list(parent.parent.iterdir())) == 1


def test_a_run_by_itself_means_its_last_iteration(line: Any, fork: Any) -> None:
    line("task=mine/shaped", "stop.iterations=3")

    directory = fork(line.runs[0], "stop.iterations=null")

    assert RunView(directory).record.parent["iteration"] == 3
    line("task=mine/shaped")
    assert metrics(directory) == metrics(line.runs[-1])


def test_the_generators_go_on_or_begin_anew(parent: Path, fork: Any, line: Any) -> None:
    same, other, again = fork(parent, at=5), *(fork(parent, "seed=5", at=5) for _ in range(2))

    assert metrics(other) == metrics(again)
    assert metrics(other)[:6] == metrics(same)[:6]
    assert metrics(other)[6] != metrics(same)[6]
    frozen = {line.metrics["frozen"] for line in RunView(other).iterations()}
    assert len(frozen) == 1
    assert RunView(other).record.seed == RunView(other).summary.parameters["seed"] == 5
    assert "begin anew after iteration 5, with seed=5" in remarks(line)


def test_a_fork_of_a_reseeded_fork_is_its_continuation(parent: Path, fork: Any) -> None:
    other = fork(parent, "seed=5", "checkpoint=all", at=5)

    assert metrics(fork(other, at=5)) == metrics(other)
    assert metrics(fork(other, at=7)) == metrics(other)


def test_a_fork_at_the_same_point_is_its_continuation(parent: Path, fork: Any) -> None:
    """Patience is used up at 5, and began anew there; so it does for the fork of the fork."""
    first = fork(parent, "task.rate=2", "stop.patience=2", at=5)

    assert metrics(fork(first, at=5)) == metrics(first)
    assert len(metrics(first)) == 9


def test_a_stopped_fork_is_resumed_to_the_same_end(parent: Path, fork: Any) -> None:
    whole = fork(parent, "task.rate=2", "seed=5", at=5)
    part = fork(parent, "task.rate=2", "seed=5", "stop.iterations=6", at=5)

    resume(part, ["stop.iterations=null"], lambda mode: lambda event: None)

    assert metrics(part) == metrics(whole)


def test_its_signature_is_its_own_and_that_of_its_sisters(line: Any, fork: Any) -> None:
    for seed in (1, 2):
        line("task=mine/shaped", f"seed={seed}", *ALL)
    line("task=mine/shaped", "task.rate=2")
    *parents, fresh = line.runs

    forks = [fork(parent, "task.rate=2", at=5) for parent in parents]
    elsewhere = fork(parents[0], "task.rate=2", at=4)

    one, two, other = (RunView(run).record.signature for run in (*forks, elsewhere))
    assert one == two
    assert len({one, other, *(RunView(run).record.signature for run in (parents[0], fresh))}) == 4


def test_what_the_state_cannot_take_leaves_nothing(parent: Path, fork: Any) -> None:
    with pytest.raises(ConfigError, match=r"does not fit mine/shaped.*task\.width.*ValueError"):
        fork(parent, "task.width=5", at=5)
    with pytest.raises(ConfigError, match="too wide"):
        fork(parent, "task.width=100", at=5)

    assert list(parent.parent.iterdir()) == [parent]


def test_faults_of_the_settings_come_together_before_anything_is_made(
    parent: Path, fork: Any
) -> None:
    with pytest.raises(ConfigErrors) as caught:
        fork(parent, "task.rat=2", "stop.iteratons=3", "model=opt-mino", "task=prune/perp", at=5)

    said = "\n".join(f"{error.message} {error.hint}" for error in caught.value.errors)
    for part in ("task.rate", "stop.iterations", "model=opt-mini", "another system"):
        assert part in said
    assert list(parent.parent.iterdir()) == [parent]


def test_check_judges_the_new_settings(line: Any, fork: Any) -> None:
    line("task=mine/count")

    with pytest.raises(ConfigErrors, match=r"task\.to=0 is no number"):
        fork(line.runs[0], "task.to=0", "task.by=-1", at=2)
    with pytest.raises(ConfigError, match=r"task\.to=many is not a whole number"):
        fork(line.runs[0], "task.to=many", at=2)


@pytest.mark.parametrize("at", [9, -1])
def test_an_iteration_that_is_not_there(parent: Path, fork: Any, at: int) -> None:
    with pytest.raises(StoreError, match="its last one is 8"):
        fork(parent, at=at)


def test_at_its_parents_end_it_has_nothing_to_do(parent: Path, fork: Any, line: Any) -> None:
    last = RunView(parent).status.iteration

    with pytest.raises(ConfigError, match=f"@{last} is at the end of {last} iterations"):
        fork(parent)
    with pytest.raises(ConfigError, match="nothing is left to be done"):
        fork(parent, "seed=7", at=last)

    assert line.runs == [parent]


def test_a_stop_rule_that_would_end_it_at_once_is_told(line: Any, fork: Any) -> None:
    line("task=mine/shaped", "stop.iterations=3")

    with pytest.raises(ConfigError, match=r"stop\.iterations=3 ends it at once"):
        fork(line.runs[0], "task.rate=2")


def test_a_fork_stands_when_its_parent_is_deleted(parent: Path, fork: Any) -> None:
    directory = fork(parent, "stop.iterations=6", at=5)
    whole = metrics(parent)
    shutil.rmtree(parent)

    resume(directory, ["stop.iterations=null"], lambda mode: lambda event: None)

    assert metrics(directory) == whole
    assert metrics(fork(directory, at=5)) == whole


def test_a_parent_that_is_alive_can_be_forked(parent: Path, fork: Any) -> None:
    from iterun.store import process
    from iterun.store.schema import RUNNING, encode

    alive = process.own_status(RUNNING, attempt=1)
    (parent / "status.json").write_bytes(encode(alive.to_json()))

    assert metrics(fork(parent, at=5)) == metrics(parent)
    assert RunView(parent).state == RUNNING


def test_the_past_of_a_fork_is_its_parents(parent: Path, fork: Any) -> None:
    directory = fork(parent, "task.rate=2", at=5)

    with pytest.raises(StoreError, match="branched off at 5 of") as caught:
        fork(directory, at=3)

    assert f"iterun fork {RunView(parent).id}@3" in caught.value.hint


def test_a_text_that_is_another_by_now_is_refused(
    line: Any, fork: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.txt").write_text("one text " * 99)
    line("task=mine/count", "data=text", "data.path=mine.txt")
    (tmp_path / "mine.txt").write_text("another text " * 99)

    with pytest.raises(ConfigError, match="are not what they were"):
        fork(line.runs[0], "task.by=2", at=2)


def test_another_backend_may_be_named_where_the_old_one_is_not(parent: Path, fork: Any) -> None:
    record = json.loads((parent / "run.json").read_bytes())
    (parent / "run.json").write_text(json.dumps(record | {"device": "cuda:63"}))

    with pytest.raises(ConfigError, match="no GPU can be used here") as caught:
        fork(parent, at=5)
    assert "backend=cpu" in caught.value.hint
    assert metrics(fork(parent, "backend.device=cpu", at=5)) == metrics(parent)


def test_choices_set_what_their_files_say(parent: Path, fork: Any) -> None:
    directory = fork(parent, "stop=[patience]", "checkpoint=last", "data=pydoc", at=5)

    config = RunView(directory).config
    assert (config["stop"]["patience"], config["checkpoint"]["best"]) == (5, 0)
    assert (config["data"]["name"], RunView(directory).record.data) == ("pydoc", "pydoc")


def test_an_unreadable_checkpoint_is_replayed_over(parent: Path, fork: Any) -> None:
    (parent / "checkpoints/0005/state.json").write_text("torn")

    assert metrics(fork(parent, at=5)) == metrics(parent)


def test_no_error_leaves_anything_behind(
    parent: Path, fork: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from iterun.store import copy

    def full(*_: object) -> None:
        raise DiskError("no space left")

    monkeypatch.setattr(copy, "_copy_artifacts", full)

    with pytest.raises(IterunError, match="no space left"):
        fork(parent, at=5)

    assert list(parent.parent.iterdir()) == [parent]


@pytest.mark.slow
def test_prune_perp_goes_on_as_if_it_had_not_been_forked(line: Any, fork: Any) -> None:
    line("task=prune/perp", "debug=tiny", *SHORT, "checkpoint=all", "stop.iterations=3")
    [parent] = line.runs

    assert metrics(fork(parent, at=1)) == metrics(parent)
    other = fork(parent, "task.lr=1e-4", "seed=2", at=2)
    assert metrics(other)[:3] == metrics(parent)[:3]
    assert metrics(other)[3] != metrics(parent)[3]
