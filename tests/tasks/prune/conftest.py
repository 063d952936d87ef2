"""Models and a text on disk, made once a session."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from task_runs import EVERY_CHECKPOINT

if TYPE_CHECKING:
    from pathlib import Path

    from iterun.store.reader import RunView

sys.path.insert(0, __file__.rpartition("/")[0])  # for perp_runs: tests are not a package


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `opt` (3 blocks), `llama` (2 blocks, no biases) and `text.txt`."""
    import perp_runs

    folder = tmp_path_factory.mktemp("shelf")
    perp_runs.save(perp_runs.opt(), folder / "opt")
    perp_runs.save(perp_runs.llama(), folder / "llama")
    perp_runs.text(folder / "text.txt")
    return folder


@pytest.fixture
def perp(shelf: Path, tmp_path: Path):
    """Run prune/perp: `perp("name", *overrides, model="opt")` gives the RunView."""
    import perp_runs

    def run(name: str, *overrides: str, model: str = "opt"):
        return perp_runs.run(tmp_path / name, shelf / model, shelf / "text.txt", *overrides)

    return run


@pytest.fixture(scope="session")
def whole(shelf: Path, tmp_path_factory: pytest.TempPathFactory):
    """A whole run of a mode with all its checkpoints, made once a session; not to be changed."""
    import perp_runs

    made: dict[str, RunView] = {}
    folder = tmp_path_factory.mktemp("whole")

    def run(mode: str) -> RunView:
        if mode not in made:
            line = [*perp_runs.MODES[mode], *EVERY_CHECKPOINT]
            files = shelf / "opt", shelf / "text.txt"
            made[mode] = perp_runs.run(folder / mode, *files, *line)
        return made[mode]

    return run
