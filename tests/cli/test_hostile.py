"""A run directory from a stranger is data: no command is harmed by one, whatever it holds."""

import hashlib
import re
import resource
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1] / "store"))
from hostile import HARMS, sound

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
    "resume RUN --quiet", "fork RUN@2 task.to=5 --quiet", "verify RUN --quiet",
    "resume RUN@1 stop.iterations=2 --quiet",
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
        assert answer.status in (0, 1, 2, 3), line
        for text in (answer.out, answer.err):
            assert not (found := ACTING.search(text)), f"{line}: {found!r}"


@pytest.fixture
def spoiled(tmp_path: Path, outside: Path, request: Any) -> tuple[Path, Path]:
    """A run with the harm that the test names, and a sound one."""
    outputs = tmp_path / "outputs"
    other = sound(outputs, "bbbb0002", seed=2)
    run = sound(outputs)
    HARMS[request.param](run, outside)
    found = run if run.exists() else next(p for p in run.parent.iterdir() if p != other)
    return found, other


@pytest.mark.parametrize("spoiled", QUICK, indirect=True)
def test_a_hostile_run_is_listed_and_shown(spoiled: Any, outside: Path, iterun: Any) -> None:
    before = snapshot(outside)

    type_all(iterun, ("ls", "ls --json", "show RUN", "doctor --runs"), *spoiled)

    assert snapshot(outside) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    "lines", [READ, WRITE, COMPARE, GO_ON], ids=["read", "write", "compare", "go on"]
)
@pytest.mark.parametrize("spoiled", HARMS, indirect=True)
def test_a_hostile_run_harms_no_command(
    spoiled: Any, lines: tuple[str, ...], outside: Path, iterun: Any
) -> None:
    before = snapshot(outside)

    type_all(iterun, lines, *spoiled)

    assert snapshot(outside) == before
