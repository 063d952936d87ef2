import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))


@dataclass
class Child:
    """A process forked by the zygote; `wait` gives its exit status, negative if killed."""

    pid: int
    server: subprocess.Popen

    def wait(self) -> int:
        return int(self.server.stdout.readline())

    def kill(self, number: int) -> None:
        os.kill(self.pid, number)


@pytest.fixture(scope="session")
def zygote():
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(HERE / "zygote.py")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=env) as server:
        yield server
        server.stdin.close()


@pytest.fixture
def fork(zygote):
    """Start a function of core_children in a process of its own."""

    def start(call: str, **arguments) -> Child:
        arguments = {k: str(v) if isinstance(v, Path) else v for k, v in arguments.items()}
        zygote.stdin.write(json.dumps({"call": call, "arguments": arguments}) + "\n")
        zygote.stdin.flush()
        return Child(int(zygote.stdout.readline()), zygote)

    return start


class Clock:
    """Time as a parameter."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory):
    """What a run of Everything comes to when nothing happens to it."""
    from core_procedures import ALL, Everything, attempt, story

    directory = tmp_path_factory.mktemp("whole") / "run"
    attempt(Everything(), directory, checkpoint=ALL)
    return story(directory)
