"""Looking at things is quick: what costs a second to import stays away. One process a command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from iterun.store.schema import RunRecord, Summary
from iterun.store.writer import RunWriter

HEAVY = {
    "torch", "transformers", "sklearn", "hydra", "omegaconf", "numpy", "pandas", "pydantic",
    "scipy", "matplotlib", "safetensors", "rich", "psutil",
}  # fmt: skip
#: besides, what a line of this kind has no use for
LIGHT = {
    "": {"typer", "yaml", "sqlite3"},
    "--help": {"typer", "yaml", "sqlite3"},
    "--version": {"typer", "yaml", "sqlite3"},
    "ls --help": {"yaml", "sqlite3"},
    "ls": {"yaml"},
    "ls task=prune since=2d --sort seconds": {"yaml"},
    "ls --json": {"yaml"},
    "ls --csv": {"yaml"},
    "tasks": {"sqlite3"},
    "tasks prune --json": {"sqlite3"},
    "task=": {"typer", "sqlite3"},
    "task=prune --help": {"typer", "sqlite3"},
    "show @-1": set(),
    "show 3f9a@0": {"yaml"},
    "show @-1 --json": {"yaml"},
    "show task=prune/perp": set(),
    "show --help": {"yaml", "sqlite3"},
    "report --help": {"yaml", "sqlite3", "jinja2"},
    "select --help": {"yaml", "sqlite3"},
    "resume --help": {"yaml", "sqlite3"},
    "schedule --help": {"yaml", "sqlite3"},
    "forecast --help": {"yaml", "sqlite3"},
    "resume @-1 --dry-run": {"yaml"},
    "fork --help": {"yaml", "sqlite3"},
    "tree --help": {"yaml", "sqlite3"},
    "tree": {"yaml"},
    "tree 3f9a --json": {"yaml"},
    "verify --help": {"yaml", "sqlite3"},
    "export --help": {"yaml", "sqlite3"},
    "export @-1": {"yaml"},
    "export @-1 --what runs": {"yaml"},
    "doctor --help": {"yaml", "sqlite3"},
    "doctor --runs": {"yaml"},
    "tag --help": {"yaml", "sqlite3"},
    "tag @-1 +best": {"yaml"},
    "note --help": {"yaml", "sqlite3"},
    "note @-1 a remark": {"yaml"},
    "rm --help": {"yaml", "sqlite3"},
    "rm --trash": {"yaml"},
    "gc --help": {"yaml", "sqlite3"},
    "gc --dry-run": {"yaml"},
    "completion bash": {"yaml", "sqlite3"},
    "compare --help": {"yaml", "sqlite3"},
    "diff --help": {"yaml", "sqlite3"},
    "diff @-1 3f9a --patch": {"yaml"},
    "plot --help": {"yaml", "sqlite3"},
    "watch --help": {"yaml", "sqlite3"},
    "ui --help": {"yaml", "sqlite3", "textual"},
    "watch --once": {"yaml"},
    "watch task=prune --json": {"yaml"},
}
#: lines that compute, and what they may import for it; besides, what they have no use for
NUMERIC = {
    "plot": ({"numpy"}, {"yaml"}),
    "plot task=prune ppl --x seconds --csv": ({"numpy"}, {"yaml"}),
    "compare": ({"numpy"}, {"yaml"}),
    "compare --csv --metrics all": ({"numpy"}, {"yaml"}),
    "compare --paper --json": ({"numpy"}, set[str]()),
    "forecast @-1 --horizon 9": ({"numpy"}, {"yaml"}),
    "compare --baseline first": ({"numpy", "scipy"}, {"yaml"}),
}
LOADED = """
import sys
from iterun.__main__ import main
status = main(sys.argv[1:])
print(*sys.modules, file=sys.stderr)
sys.exit(status)
"""


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one run."""
    folder = tmp_path_factory.mktemp("outputs")
    record = RunRecord(
        id="3f9a1c2b", system="prune/perp", family="prune", signature="5e1f", seed=1,
        created="2026-11-24T10:15:00+01:00", objective={"metric": "ppl", "goal": "min"},
    )  # fmt: skip
    run = folder / "prune" / "perp" / "3f9a1c2b"
    with RunWriter.create(run, record=record, config={"task": {"sparsity": 0.5}}) as writer:
        writer.append(0, seconds=0.5, metrics={"ppl": 25.5})
        writer.append(1, seconds=0.5, metrics={"ppl": 25.0})
        writer.summary(Summary(state="completed", last={"ppl": 25.5}, seconds=0.5))
        writer.status("completed", reason="length", iteration=0)
    return folder


def loaded(words: list[str], **environment: str) -> set[str]:
    """The modules that a line needed."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *words],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("line", LIGHT)
def test_a_command_that_only_looks_imports_nothing_heavy(line: str, outputs: Path) -> None:
    modules = loaded(line.split(), ITERUN_OUTPUTS=str(outputs))

    assert modules & (HEAVY | LIGHT[line]) == set()


@pytest.mark.parametrize("line", NUMERIC)
def test_a_command_that_computes_imports_no_more_than_that(line: str, outputs: Path) -> None:
    needed, useless = NUMERIC[line]

    modules = loaded(line.split(), ITERUN_OUTPUTS=str(outputs))

    assert modules & ((HEAVY - needed) | useless) == set()


@pytest.mark.parametrize("line", ["", "task=pr", "show ", "ls status=c", "task=prune task.s"])
def test_completion_imports_nothing_heavy(line: str, outputs: Path) -> None:
    modules = loaded(line.split(" "), ITERUN_OUTPUTS=str(outputs), _ITERUN_COMPLETE="zsh")

    assert modules & (HEAVY | {"typer"}) == set()


def test_importing_the_package_imports_nothing() -> None:
    code = "import sys; before = {*sys.modules}; import iterun; print(*{*sys.modules} - before)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["iterun"]
