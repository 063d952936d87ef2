"""A run directory from a stranger is data: no command is harmed by one, whatever it holds."""

import hashlib
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1] / "store"))
from hostile import HARMS, sound

OWN = Path(__file__).parents[1] / "launch" / "mine"
SECONDS = 40  #: of one line, on a busy machine
MEGABYTES = 700  #: more than the process had before
#: what a terminal acts on: control characters, changes of direction, halves, separators
ACTING = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff]"
)
#: RUN stands for the spoiled run's directory, OTHER for a sound one's id, OUT for a new file
READ = (
    "ls", "ls --json", "ls --csv", "ls --columns id,note,sweep,tags,total,said,path,host,error",
    "ls --sort total", "ls total>1 tag!=x note!=y", "ls --sort seconds --reverse",
    "show RUN", "show RUN --all", "show RUN --json", "show RUN@2", "show @-1", "tag", "tag RUN",
    "note RUN", "gc --dry-run", "gc --dry-run checkpoint.last=1 --dropped --trash 0s",
    "doctor --runs", "doctor --runs --json", "rm --trash", "rm --trash --json",
)  # fmt: skip
WRITE = (
    "tag RUN +best -first", "note RUN words", "note RUN --json", "doctor --runs --fix",
    "gc checkpoint.last=1 checkpoint.best=0 --dropped --trash 0s --yes", "rm --restore",
    "rm RUN OTHER", "rm --restore", "rm tag=best task=* --yes", "rm --purge --yes",
)  # fmt: skip
COMPARE = (
    "compare", "compare RUN OTHER --csv", "compare --json", "compare --md --runs", "diff RUN OTHER",
    "diff OTHER RUN --json", "tree", "tree --json", "plot RUN OTHER", "plot RUN --json",
    "plot RUN total --csv", "watch RUN --once", "watch RUN --once --json",
    "report RUN OTHER --out OUT.html", "export RUN --to csv --out OUT.csv",
    "select task=mine* --seeds 7,8 --dry-run",
)  # fmt: skip
GO_ON = (
    "verify RUN --quiet", "fork RUN@1 seed=9 --quiet", "resume RUN stop.iterations=3 --quiet",
    "resume RUN@1 --quiet",
)  # fmt: skip
#: what the fast tests look at
QUICK = (
    "evil_names", "evil_texts", "evil_file_names", "half_characters_in_names", "huge_numbers",
    "odd_status", "wrong_shapes", "nested_to_the_bottom", "sparse_summary_json", "pipe_marks_json",
    "files_are_links", "refs_lead_out", "hard_links",
)  # fmt: skip


def snapshot(folder: Path) -> dict[str, Any]:
    """All that a folder holds, and the times of it: nothing was even touched."""
    found = {}
    for path in [folder, *folder.rglob("*")]:
        about = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path)] = (about.st_mode, about.st_mtime_ns, about.st_size, content)
    return found


@pytest.fixture(autouse=True)
def _impatient() -> Iterator[None]:
    """Who takes longer is interrupted, and the traceback shows where."""

    def give_up(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, give_up)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    (folder / "0007").mkdir(parents=True)
    (folder / "secret.txt").write_text("mine\n")
    (folder / "secret.json").write_text('{"state":"completed"}')
    (folder / "0007" / "state.json").write_text("{}")
    return folder


def type_all(iterun: Any, lines: tuple[str, ...], run: Path, other: Path) -> None:
    """Type lines, and hold each answer to what may never happen."""
    places = {"RUN": str(run), "OTHER": "bbbb0002", "OUT": str(run.parents[3] / "out")}
    for line in lines:
        words = [re.sub("RUN|OTHER|OUT", lambda m: places[m[0]], w) for w in line.split()]
        signal.alarm(SECONDS)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        answer = iterun(*words)
        signal.alarm(0)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown < MEGABYTES << 10, f"{line}: {grown >> 10} MB"
        assert answer.status in (0, 1, 2, 3, 130), line
        for text in (answer.out, answer.err):
            assert not (found := ACTING.search(text)), f"{line}: {found!r}"


@pytest.fixture
def spoiled(strangers: Path, outside: Path, request: Any) -> tuple[Path, Path]:
    """A run with the harm that the test names, and a sound one."""
    other = sound(strangers, "bbbb0002", seed=2)
    run = sound(strangers)
    HARMS[request.param](run, outside)
    found = run if run.exists() else next(p for p in run.parent.iterdir() if p != other)
    return found, other


@pytest.mark.parametrize("spoiled", QUICK, indirect=True)
def test_a_hostile_run_is_listed_and_shown(spoiled: Any, outside: Path, iterun: Any) -> None:
    before = snapshot(outside)

    type_all(iterun, ("ls", "ls --json", "show RUN", "doctor --runs"), *spoiled)

    assert snapshot(outside) == before


@pytest.mark.slow
@pytest.mark.parametrize("lines", [READ, WRITE, COMPARE], ids=["read", "write", "compare"])
@pytest.mark.parametrize("spoiled", HARMS, indirect=True)
def test_a_hostile_run_harms_no_command(
    spoiled: Any, lines: tuple[str, ...], outside: Path, iterun: Any
) -> None:
    before = snapshot(outside)

    type_all(iterun, lines, *spoiled)

    assert snapshot(outside) == before


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real run that can be gone on with, and has all that harms spoil."""
    outputs = tmp_path_factory.mktemp("begun")
    line = [sys.executable, "-m", "iterun", "--config-dir", str(OWN / "conf"), "task=mine/count",
            "stop.iterations=2", "--outputs", str(outputs), "--quiet"]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(OWN), "ITERUN_CACHE": str(outputs / "cache")}
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=True)
    run = Path(done.stdout.strip())
    (run / "artifacts").mkdir()
    (run / "artifacts" / "rows.jsonl").write_text('{"i":1}\n{"i":2}\n')
    (run / "artifacts" / ".appended.json").write_text('["rows.jsonl"]')
    (run / "log.txt").write_text("hello\n")
    return run


@pytest.fixture
def copied(begun: Path, strangers: Path) -> Path:
    """A copy of it to spoil."""
    run = strangers / "mine" / "count" / begun.name
    shutil.copytree(begun, run, symlinks=True)
    return run


@pytest.mark.slow
def test_the_run_that_is_spoiled_can_be_gone_on_with(copied: Path, iterun: Any) -> None:
    words = [line.replace("RUN", str(copied)).split() for line in GO_ON]

    assert [iterun(*line).status for line in words] == [0] * len(GO_ON)


@pytest.mark.slow
@pytest.mark.parametrize("name", HARMS)
def test_going_on_with_a_hostile_run_leads_nowhere(
    name: str, copied: Path, outside: Path, iterun: Any
) -> None:
    HARMS[name](copied, outside)
    run = copied if copied.exists() else next(copied.parent.iterdir())
    before = snapshot(outside)

    type_all(iterun, GO_ON, run, run)

    assert snapshot(outside) == before


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in HARMS if "_is_a_command" in name])
def test_what_a_config_names_is_refused_and_not_called(
    name: str, copied: Path, outside: Path, iterun: Any
) -> None:
    HARMS[name](copied, outside)

    answers = [iterun(*line.replace("RUN", str(copied)).split()) for line in GO_ON]

    assert not (outside / "called").exists()
    if name != "logger_is_a_command":  # other tools are left out, and what was typed goes on
        assert [answer.status for answer in answers] == [2] * len(GO_ON)
        assert all("_target_=" in answer.err for answer in answers)
