"""No hostile program passes its test by cheating, harms anything outside, or outlives its run."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from hostile_programs import PROGRAMS, Hostile

from iterun.judges.sandbox import SandboxResult, open_sandbox
from iterun.judges.sandbox.levels import LEVELS, Level
from iterun.judges.sandbox.opening import why_not

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[3]
MARK = f"iterun-mark-{os.getpid()}"
SECRET = f"iterun-secret-{os.getpid()}"
STRONGEST = next((level for level in LEVELS if not why_not(level)), "rlimits")


@dataclass
class Surroundings:
    """What is there to be harmed."""

    secret: Path
    listener: socket.socket

    def code_of(self, hostile: Hostile) -> str:
        """The program with the real names of what it goes for."""
        names = {
            "{secret}": str(self.secret), "{folder}": str(self.secret.parent), "{mark}": MARK,
            "{port}": str(self.listener.getsockname()[1]), "{repository}": str(REPOSITORY),
        }  # fmt: skip
        code = hostile.code
        for name, value in names.items():
            code = code.replace(name, value)
        return code

    def is_unharmed(self) -> bool:
        """Whether all is as it was, and nobody called."""
        self.listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            self.listener.accept()
        strange = [path for path in (f"/tmp/{MARK}", f"/{MARK}") if os.path.exists(path)]
        files = [path.name for path in self.secret.parent.iterdir()]
        return files == ["secret"] and self.secret.read_text() == SECRET and not strange


@pytest.fixture
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Surroundings]:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    (folder / "secret").touch(mode=0o600)
    (folder / "secret").write_text(SECRET)
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield Surroundings(folder / "secret", listener)


def run(hostile: Hostile, level: Level, surroundings: Surroundings) -> SandboxResult:
    box = open_sandbox(level=level, timeout=hostile.seconds, memory_mb=256)
    return box.run_python(surroundings.code_of(hostile), tests=["assert f() == 1"])


def processes_left(before: set[int]) -> list[str]:
    """Those that this process started since, and those that bear the mark, wherever they belong.

    Args:
        before: children of this process that other tests started.
    """
    children = psutil.Process().children(recursive=True)
    found = [str(child) for child in children if child.pid not in before]
    for process in psutil.process_iter(["cmdline"]):
        if MARK in " ".join(process.info["cmdline"] or []):
            found.append(str(process))
    return found


def cases() -> list[object]:
    """Each program at each level that promises to hold it; the strongest level is always tested."""
    found = []
    for level in LEVELS:
        marks = [] if level == STRONGEST else [pytest.mark.slow, pytest.mark.long]
        for hostile in PROGRAMS:
            kept = level != "rlimits" or hostile.rlimits == "promised"
            if kept or (hostile.rlimits == "as root" and os.getuid() == 0):
                found.append(
                    pytest.param(level, hostile, marks=marks, id=f"{level}-{hostile.name}")
                )
    return found


@pytest.mark.parametrize(("level", "hostile"), cases())
def test_a_hostile_program_is_one_failed_program(
    level: Level, hostile: Hostile, surroundings: Surroundings
) -> None:
    if reason := why_not(level):
        pytest.skip(f"sandbox.level={level}: {reason}")

    before = {child.pid for child in psutil.Process().children(recursive=True)}

    result = run(hostile, level, surroundings)

    assert result.status in hostile.ends, result
    assert SECRET not in result.stdout + result.first_error
    assert MARK not in result.stdout
    assert len(result.stdout.encode()) <= 64 << 10
    assert len(result.first_error) < 2200
    assert result.seconds < hostile.seconds + 10
    assert surroundings.is_unharmed()
    assert processes_left(before) == []


def test_the_table_is_whole() -> None:
    assert len({hostile.name for hostile in PROGRAMS}) == len(PROGRAMS) >= 50
