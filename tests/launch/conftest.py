"""A user's own system beside ours, and lines that run it in this process."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from iterun.core.progress import Event
from iterun.launch.main import run_line

MINE = Path(__file__).parent / "mine"
CONF = MINE / "conf"


@dataclass
class Lines:
    """Runs lines below one `outputs`; keeps what was heard."""

    outputs: Path
    events: list[Event] = field(default_factory=list)
    modes: list[str] = field(default_factory=list)

    def __call__(self, *words: str) -> int:
        return run_line(["--config-dir", str(CONF), *words], self._listener, str(self.outputs))

    def _listener(self, mode: str) -> Callable[[Event], None]:
        self.modes.append(mode)
        return self.events.append

    @property
    def runs(self) -> list[Path]:
        """The run directories, oldest first."""
        found = [path.parent for path in self.outputs.glob("*/*/*/run.json")]
        return sorted(found, key=lambda path: (path / "run.json").stat().st_mtime_ns)

    @property
    def nothing_left(self) -> bool:
        return not self.outputs.exists()


@pytest.fixture(autouse=True)
def mine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(MINE))


@pytest.fixture
def line(tmp_path: Path) -> Lines:
    return Lines(tmp_path / "outputs")
