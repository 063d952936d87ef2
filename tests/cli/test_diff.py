"""`iterun diff` as it is typed."""

import json

import pytest


def test_runs_that_recorded_the_same_are_called_identical(iterun, runs) -> None:
    runs("a1000000")
    runs("b1000000")

    answer = iterun("diff", "a1", "b1", "--exit-code")

    assert answer.status == 0
    assert answer.lines[-1] == "identical in everything that is recorded, but times and costs"


def test_settings_code_packages_and_machine_are_told(iterun, runs) -> None:
    runs("a1000000", parameters={"sparsity": 0.5, "lr": None})
    runs("b1000000", parameters={"sparsity": 0.6, "lr": None}, seed=2, version="0.2.0",
         packages={"torch": "2.14.0"}, threads=4, git={"commit": "abc", "dirty": True},
         environment={"OMP_NUM_THREADS": "4"})  # fmt: skip

    out = iterun("diff", "a1", "b1").out

    told = {" ".join(line.split()) for line in out.splitlines()}
    assert told >= {
        "task.sparsity 0.5 0.6", "seed 1 2", "iterun 0.1.0 0.2.0", "torch 2.13.0 2.14.0",
        "threads 2 4", "git commit not there abc", "OMP_NUM_THREADS not there 4",
    }  # fmt: skip
    assert "lr" not in out.replace("relatively", "")


def test_the_first_difference_and_the_largest_are_told(iterun, runs) -> None:
    runs("a1000000", ppl=[30.0, 20.0, 10.0])
    runs("b1000000", ppl=[30.0, 20.2, 11.0])

    out = iterun("diff", "a1", "b1").out

    assert "first difference at iteration 1: ppl 20 against 20.2, relatively 0.01" in out
    assert "largest, relatively, at iteration 2: ppl 10 against 11, relatively 0.1" in out
    assert "equal: settings, code, packages, machine" in out


def test_the_exit_status_is_0_for_differing_runs_unless_asked_for(iterun, runs) -> None:
    runs("a1000000", ppl=[30.0])
    runs("b1000000", ppl=[31.0])

    assert iterun("diff", "a1", "b1").status == 0
    assert iterun("diff", "a1", "b1", "--exit-code").status == 1
    assert iterun("diff", "a1", "a1", "--exit-code").status == 0


def test_other_settings_with_the_same_numbers_exit_with_0(iterun, runs) -> None:
    runs("a1000000", parameters={"stream": True})
    runs("b1000000", parameters={"stream": False})

    answer = iterun("diff", "a1", "b1", "--exit-code")

    assert answer.status == 0
    assert "3 iterations of both: equal, bit for bit" in answer.out


def test_another_content_under_the_same_settings_is_told(iterun, runs) -> None:
    runs("a1000000", signature="aaaa")
    runs("b1000000", signature="bbbb")

    assert "content of model or data  aaaa  bbbb" in iterun("diff", "a1", "b1").out


def test_json_leaves_out_what_a_run_does_not_have(iterun, runs) -> None:
    runs("a1000000", parameters={"lr": 0.1})
    runs("b1000000", parameters={"lr": None, "steps": 3}, ppl=[1.0])

    found = json.loads(iterun("diff", "a1", "b1", "--json").out)

    assert found["settings"] == {"task.lr": {"a": 0.1, "b": None}, "task.steps": {"b": 3}}
    assert found["iterations"]["first"]["name"] == "ppl"
    assert (found["identical"], found["iterations"]["only_a"]) == (False, 2)


def test_the_patches_of_the_code_are_held_against_each_other(iterun, runs) -> None:
    for name, word in (("a1000000", "one"), ("b1000000", "two")):
        (runs(name) / "code.patch").write_text(f"--- a/x.py\n+{word}\n")

    answer = iterun("diff", "a1", "b1")

    assert "--patch shows" in answer.err
    assert "-+one" in iterun("diff", "a1", "b1", "--patch").lines
    assert "-+one\n" in json.loads(iterun("diff", "a1", "b1", "--patch", "--json").out)["patch"]


def test_a_stranger_s_escapes_reach_no_terminal(iterun, runs) -> None:
    runs("a1000000", parameters={"x\x1b[2J": "\x1b]0;y\x07"}, ppl=[1.0])
    (runs("b1000000", parameters={"x": "\u202e"}) / "code.patch").write_text("+\x1b[31m\n")

    answer = iterun("diff", "a1", "b1", "--patch")

    assert answer.status == 0
    assert "\x1b" not in answer.out + answer.err
    assert "\u202e" not in answer.out


@pytest.mark.parametrize(
    ("words", "said"),
    [(("zz", "a1"), "no run is called"), (("a1@1", "a1"), "diff takes whole runs"), (("a1",), "B")],
)
def test_what_cannot_be_is_refused_in_a_sentence(iterun, runs, words, said: str) -> None:
    runs("a1000000")

    answer = iterun("diff", *words)

    assert answer.status == 2
    assert said in answer.err
