"""iterun from Python: frames of runs and iterations, and runs that are done from a script."""

import math
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import iterun
from iterun.launch.spelled import line, spelled
from iterun.store.schema import RunRecord, Summary
from iterun.store.writer import RunWriter

MINE = Path(__file__).parent / "launch" / "mine"
CONF = MINE / "conf"


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ITERUN_OUTPUTS", str(tmp_path / "outputs"))
    monkeypatch.syspath_prepend(str(MINE))


def finished(outputs: Path, id: str = "a1000000", **parameters: Any) -> Path:
    """A run directory with two iterations."""
    record = RunRecord(
        id=id, system="prune/perp", family="prune", signature="s", seed=2, model="opt-mini",
        created="2026-11-24T10:15:00+01:00", objective={"metric": "ppl", "goal": "min"},
    )  # fmt: skip
    directory = outputs / "prune" / "perp" / f"20261124-101500-{id}"
    with RunWriter.create(directory, record=record, config={"task": parameters}) as writer:
        writer.append(0, seconds=0.5, metrics={"ppl": 30.0}, labels={"phase": "dense"})
        writer.append(1, seconds=0.25, metrics={"ppl": 25.0, "lr": 0.1}, cost={"ms": 3.0})
        known = {**parameters, "model": "opt-mini", "seed": 2}
        writer.summary(
            Summary(
                state="completed", parameters=known, objective=record.objective, iterations=1,
                last={"ppl": 25.0, "sparsity": 0.49}, result={"ppl_final": 25.0}, seconds=0.75,
            )
        )  # fmt: skip
        writer.status("completed", reason="length", iteration=1)
    return directory


def count(**settings: Any) -> iterun.Run:
    """Run the counting system of a user's own."""
    return iterun.run("mine/count", config_dir=CONF, **settings)


def test_runs_are_a_frame_by_id_with_bare_names(tmp_path: Path) -> None:
    directory = finished(tmp_path / "outputs", sparsity=0.5)

    frame = iterun.runs()

    assert list(frame.index) == ["a1000000"]
    row = frame.loc["a1000000"]
    assert (row["ppl"], row["ppl_final"], row["seed"]) == (25.0, 25.0, 2)
    assert (row["sparsity"], row["metrics.sparsity"]) == (0.5, 0.49)
    assert row["path"] == str(directory)
    assert frame["created"].dt.hour.item() == 9


def test_runs_are_filtered_as_ls_does_it(tmp_path: Path) -> None:
    for k in range(3):
        finished(tmp_path / "outputs", f"a{k}000000", sparsity=k / 2)

    assert list(iterun.runs("sparsity>0.2", "task=prune").index) == ["a1000000", "a2000000"]
    assert len(iterun.runs("sparsity>9")) == 0


def test_a_filter_that_names_nothing_is_refused(tmp_path: Path) -> None:
    finished(tmp_path / "outputs", sparsity=0.5)

    with pytest.raises(iterun.ConfigError, match="sparsty"):
        iterun.runs("sparsty>0.2")


def test_no_runs_are_an_empty_frame_with_columns(tmp_path: Path) -> None:
    frame = iterun.runs(outputs=tmp_path / "nowhere")

    assert len(frame) == 0
    assert {"system", "state", "path"} <= {*frame.columns}


def test_iterations_are_a_frame_by_i_with_missing_values_missing(tmp_path: Path) -> None:
    finished(tmp_path / "outputs")

    frame = iterun.open("a1").iterations()

    assert list(frame.index) == [0, 1]
    assert list(frame["ppl"]) == [30.0, 25.0]
    assert math.isnan(frame["lr"][0])
    assert (frame["phase"][0], frame["ms"][1], frame["seconds"][1]) == ("dense", 3.0, 0.25)


def test_a_run_is_opened_by_any_of_its_names(tmp_path: Path) -> None:
    directory = finished(tmp_path / "outputs", sparsity=0.5)

    for name in ("a1000000", "a1", "@-1", str(directory)):
        assert iterun.open(name).parameters == {"sparsity": 0.5}
    assert repr(iterun.open("a1")) == "<Run a1000000 prune/perp seed=2 completed>"


def test_a_name_of_no_run_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(iterun.IterunError, match="no run is called"):
        iterun.open("zz")


def test_a_run_is_opened_whole(tmp_path: Path) -> None:
    finished(tmp_path / "outputs", sparsity=0.5)

    with pytest.raises(iterun.IterunError, match="a1@1 names an iteration"):
        iterun.open("a1@1")


def test_a_run_from_python_is_the_run_of_the_command_line(tmp_path: Path, capfd: Any) -> None:
    run = count(to=4, by=0.5, seed=7, **{"stop.iterations": 3})

    assert (run.state, run.reason, run.seed) == ("completed", "iterations", 7)
    assert list(run.iterations()["total"]) == [0.5, 1.0, 1.5]
    assert run.path.parent.parent.parent == tmp_path / "outputs"
    command = ["iterun", "--config-dir", str(CONF), "task=mine/count", "task.to=4", "task.by=0.5",
               "seed=7", "stop.iterations=3"]  # fmt: skip
    assert RunView(run).command == command
    assert capfd.readouterr() == ("", "")


def RunView(run: iterun.Run) -> RunRecord:  # noqa: N802
    """The record."""
    from iterun.store.reader import RunView as View

    return View(run.path).record


def test_what_cannot_be_run_is_raised_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(iterun.ConfigError, match="does not count up"):
        count(by=-1.0)
    with pytest.raises(iterun.ConfigError) as caught:
        count(bye=1.0)

    assert "task.by" in caught.value.hint
    assert not (tmp_path / "outputs").exists()


def test_a_run_that_fails_is_raised_with_the_run(tmp_path: Path) -> None:
    with pytest.raises(iterun.RunFailed, match="lost count") as caught:
        count(fail_at=2)

    assert caught.value.run.state == "failed"
    assert len(caught.value.run.iterations()) == 1


def test_a_run_is_gone_on_with(tmp_path: Path) -> None:
    run = count(to=5, **{"stop.iterations": 2})

    again = run.resume(stop={"iterations": 4})

    assert (again.id, len(again.iterations())) == (run.id, 4)
    assert run.refresh().reason == "iterations"
    with pytest.raises(iterun.ConfigError, match="fork"):
        again.resume(to=9)


def test_runs_in_threads_go_one_after_another(tmp_path: Path) -> None:
    """No signal handler is set outside the main thread, and Hydra's globals are not shared."""
    found: list[iterun.Run] = []
    threads = [
        threading.Thread(target=lambda k=k: found.append(count(to=2, seed=k))) for k in range(3)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(run.seed for run in found) == [0, 1, 2]
    assert {run.state for run in found} == {"completed"}


def test_an_interrupted_run_is_checkpointed_and_raises(tmp_path: Path) -> None:
    """The system sends SIGINT to itself in iteration 2."""
    with pytest.raises(KeyboardInterrupt, match="is checkpointed"):
        count(to=5, words=["stop"])

    run = iterun.open("@-1")
    assert (run.state, run.checkpoints()[-1]) == ("interrupted", 2)


SCRIPT = """
import sys
import iterun
sys.argv = ["notebook", "-f", "kernel.json"]
run = iterun.run("mine/count", config_dir={conf!r}, to=2)
print(run.state, list(run.iterations()["total"]), len(iterun.runs()))
try:
    iterun.run("mine/count", config_dir={conf!r}, to=5, words=["stop"])
except KeyboardInterrupt:
    print("interrupted", iterun.open("@-1").checkpoints()[-1])
"""


@pytest.mark.slow
def test_a_plain_script_does_runs(tmp_path: Path) -> None:
    code = f"import sys; sys.path.insert(0, {str(MINE)!r})" + SCRIPT.format(conf=str(CONF))

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.stdout.splitlines() == ["completed [1.0, 2.0] 1", "interrupted 2"], done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"sparsity": 0.6}, "task.sparsity=0.6"),
        ({"model": "opt-mini"}, "model=opt-mini"),
        ({"eval_data": "wikitext2"}, "data@eval_data=wikitext2"),
        ({"stop": {"iterations": 3}}, "stop.iterations=3"),
        ({"stop": ["patience", "budget"]}, "stop=[patience,budget]"),
        ({"backend.device": "cpu"}, "backend.device=cpu"),
        ({"lr": None}, "task.lr=null"),
        ({"merge": True}, "task.merge=true"),
        ({"train": ["biases", "norm"]}, "task.train=[biases,norm]"),
        ({"seed": 3}, "seed=3"),
        ({"path": Path("/a b/c.txt")}, "task.path='/a b/c.txt'"),
        ({"word": "true"}, "task.word='true'"),
        ({"word": "1e3"}, "task.word='1e3'"),
        ({"word": ""}, "task.word=''"),
        ({"word": "it's"}, r"task.word='it\'s'"),
    ],
)
def test_settings_become_the_words_of_a_line(settings: dict[str, Any], word: str) -> None:
    assert line("prune/perp", settings) == ["task=prune/perp", word]


@pytest.mark.parametrize(
    "value",
    [
        "plain", "a,b", "a=b", "{a}", "[1]", "'", "\\", "a\\'b", "null", "NaN", " x ", "a: b", "1",
        "1_000", "True", "x\ny", "(a)", "é", "#no", "a/b.c@d+e-f", None, True, 3, -0.5, 1e-30,
        [1, "2", [None]], {"a": "b c", "d": [1.5]}, float("inf"), "-x", "*", "~/x", "$HOME", "..",
    ],
)  # fmt: skip
def test_hydra_reads_back_what_was_meant(value: Any) -> None:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    [override] = OverridesParser.create().parse_overrides([f"task.x={spelled('x', value)}"])

    assert not override.is_sweep_override()
    assert override.value() == value
    assert type(override.value()) in (type(value), float) or isinstance(value, str)


def test_numbers_of_numpy_are_numbers() -> None:
    import numpy as np

    assert spelled("lr", np.float64(0.1)) == "0.1"
    assert spelled("lr", np.array([1, 2])) == "[1,2]"


def test_a_value_that_no_setting_can_have_is_refused() -> None:
    with pytest.raises(iterun.ConfigError, match="can't be of type object"):
        spelled("x", object())


def test_the_package_has_nothing_else() -> None:
    with pytest.raises(AttributeError, match="no attribute 'rum'"):
        _ = iterun.rum

    assert {"run", "runs", "open"} <= {*dir(iterun)}
