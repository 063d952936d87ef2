"""`iterun show`: one run, whole, whatever state it is in."""

import json
from typing import TYPE_CHECKING, Any

import pytest

from iterun.store.writer import RunWriter

if TYPE_CHECKING:
    from pathlib import Path


def test_the_page_has_everything(iterun: Any, runs: Any) -> None:
    directory = runs(parameters={"sparsity": 0.6, "criterion": "wanda"})
    (directory / "artifacts").mkdir(exist_ok=True)
    (directory / "artifacts" / "masks.safetensors").write_bytes(b"x" * 2000)

    text = iterun("show", "3f9a").out

    for part in (
        "prune/perp  3f9a1c2b  completed  all 2 iterations",
        "PERP: Rethinking the Prune-Retrain Paradigm",
        "command  iterun task=prune/perp task.sparsity=0.6",
        "  * sparsity   0.6",
        "ppl  ▁█  25.5 → 26, best 25.5 at 1",
        "   1*  25.5     100",
        "ppl_dense  20.25",
        "peak_mem_mb  512",
        "masks.safetensors  2.0 kB",
        "torch   2.13.0",
        "next:  iterun ls task=prune/perp",
    ):
        assert " ".join(part.split()) in " ".join(text.split())


def test_a_long_history_is_elided_in_the_middle_but_for_the_best(iterun: Any, runs: Any) -> None:
    runs(ppl=[50.0 + abs(i - 40) for i in range(100)])

    short, whole = iterun("show", "@-1").lines, iterun("show", "@-1", "--all").lines

    numbers = [line.split()[0] for line in short if line[:6].strip(" *").isdigit()]
    assert numbers[:6] == ["0", "1", "2", "3", "4", "5"]
    assert numbers[6] == "40*"
    assert numbers[-1] == "99"
    assert len([line for line in short if line.strip() == "…"]) == 2
    assert len(whole) > 100


def test_one_iteration(iterun: Any, runs: Any) -> None:
    runs()

    assert "3f9a1c2b@1  took 0.50 s" in iterun("show", "3f9a@1").lines[0]
    answer = iterun("show", "3f9a@7")
    assert (answer.status, "its last one is 2" in answer.err) == (2, True)


def test_a_failed_run_says_why_and_what_next(iterun: Any, runs: Any) -> None:
    runs(state="failed", error="W has 7 columns\npick a multiple of 4")

    lines = iterun("show", "@-1").lines

    assert lines[0] == "prune/perp  3f9a1c2b  failed"
    assert lines[1:3] == ["error: W has 7 columns", "       pick a multiple of 4"]
    assert lines[-1] == "next:  iterun resume 3f9a1c2b  iterun show task=prune/perp"


def test_a_lost_run_says_so(iterun: Any, runs: Any) -> None:
    directory = runs()
    status = json.loads((directory / "status.json").read_text())
    gone = {**status, "state": "running", "pid": 2**22 + 1}
    (directory / "status.json").write_text(json.dumps(gone))

    lines = iterun("show", str(directory)).lines

    assert "lost  its process is gone without a word" in lines[0]
    assert "iterun resume 3f9a1c2b" in lines[-1]


def test_json_has_record_iterations_and_config(iterun: Any, runs: Any) -> None:
    runs()

    found = json.loads(iterun("show", "@-1", "--json").out)

    assert found["id"] == "3f9a1c2b"
    assert [line["i"] for line in found["iterations"]] == [0, 1, 2]
    assert found["config"]["task"]["criterion"] == "wanda"


def test_a_run_without_iterations_yet(iterun: Any, runs: Any) -> None:
    directory = runs(ppl=[])
    (directory / "summary.json").unlink()

    answer = iterun("show", "@-1")

    assert answer.status == 0
    assert "none yet" in answer.out
    assert "criterion" in answer.out


def test_nothing_recorded_acts_on_the_terminal(iterun: Any, runs: Any) -> None:
    evil = "\x1b[2J[bold]\u202e\n"
    directory = runs(parameters={"note": evil}, error=evil, state="failed", command=[evil])
    writer = RunWriter.reopen(directory)
    writer.append(3, seconds=1.0, metrics={evil: 1.0}, labels={"phase": evil}, files=[evil])
    writer.close()

    for words in (["show", "@-1"], ["show", "@-1@3"], ["show", "@-1", "--json"]):
        answer = iterun(*words)
        assert answer.status == 0
        assert answer.out.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("name", "said", "hint"),
    [
        ("3f9b", "no run is called '3f9b'", "3f9a1c2b"),
        ("@-7", "there is no run @-7", "iterun ls"),
        ("./nowhere", "is not a run directory", "iterun ls"),
        ("task=prune/perpp", "there is no system 'prune/perpp'", "task=prune/perp"),
    ],
)
def test_an_unknown_run_names_what_is_near(
    name: str, said: str, hint: str, iterun: Any, runs: Any
) -> None:
    runs()

    answer = iterun("show", name)

    assert (answer.status, answer.out) == (2, "")
    assert said in answer.err
    assert hint in answer.err


@pytest.mark.parametrize("name", ["run.json", "status.json", "summary.json", "iterations.jsonl"])
def test_an_unreadable_file_is_named_with_a_next_step(name: str, iterun: Any, runs: Any) -> None:
    directory: Path = runs()
    (directory / name).write_text('{"a": \n{}\n')

    answer = iterun("show", str(directory))

    assert answer.status == 2
    assert f"error: {directory / name}" in answer.err
    assert "hint: " in answer.err
