"""Every file name of a run directory, once (DESIGN section 4), and where runs and caches live."""

import os
import sys
from pathlib import Path, PurePosixPath

from iterun.errors import StoreError

HYDRA = ".hydra"
CONFIG = "config.json"
RUN = "run.json"
STATUS = "status.json"
ITERATIONS = "iterations.jsonl"
SUMMARY = "summary.json"
CHECKPOINTS = "checkpoints"
ARTIFACTS = "artifacts"
LOG = "log.txt"
PATCH = "code.patch"
MARKS = "marks.json"
SWEEPS = ".sweeps"
TRASH = ".trash"
TRACKERS = ".trackers"  #: what other tools keep of the runs
INDEX = ".index.sqlite"

STATE_JSON = "state.json"
STATE_TENSORS = "state.safetensors"
BLOBS = "blobs"

KEPT = ".kept"  #: in artifacts: replaced files that a checkpoint still refers to, by content
APPENDED = ".appended.json"  #: in artifacts: names of files that grow by rows
PART = ".part-"  #: what is being written: never read, removed when the run is reopened
OLD = ".old-"  #: what is being replaced: put back, or removed, when the run is reopened
CLAIM = ".claim-"  #: who is about to reopen the run

LONGEST_NAME = 200  #: bytes of one component; leaves room for the prefixes above


def outputs_root(option: str | os.PathLike[str] | None = None) -> Path:
    """Where runs live: the option `--outputs`, else $ITERUN_OUTPUTS, else ./outputs."""
    return Path(option or os.environ.get("ITERUN_OUTPUTS") or "outputs").expanduser()


def cache_root() -> Path:
    """Where caches live: $ITERUN_CACHE, else `iterun` in the platform's cache folder."""
    if chosen := os.environ.get("ITERUN_CACHE"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home()) / "iterun"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "iterun"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "iterun"


def iteration_folder(i: int) -> str:
    """The folder name of iteration i >= 0: "0007"; longer from 10,000 on."""
    return f"{i:04d}"


def iteration_number(name: str) -> int | None:
    """The iteration that a folder name stands for; None if it is another name."""
    if not (name.isascii() and name.isdigit() and len(name) <= 18):
        return None
    return int(name) if iteration_folder(int(name)) == name else None


def dropped_lines(attempt: int) -> str:
    """The file that takes the lines which a resume gives up."""
    return f"iterations.dropped-{attempt}.jsonl"


def dropped_folder(attempt: int) -> str:
    """The folder, in `artifacts` and in `checkpoints`, that takes what a resume gives up."""
    return f".dropped-{attempt}"


def old_config(attempt: int) -> str:
    """The config that held until a resume changed it."""
    return f"config.{attempt}.json"


def artifact_name(name: str, at: int | None = None) -> str:
    """The path of an artifact below `artifacts`.

    Args:
        name: relative, with forward slashes; `{i}` stands for the iteration.
        at: the iteration that it belongs to; the file goes to its folder unless `name` holds `{i}`.

    Raises:
        StoreError: the name leads out of `artifacts`, is hidden, or can't be a file's name.
    """
    if "{i}" in name:
        if at is None:
            raise StoreError(
                f"the artifact {name!r} names an iteration, but none was given",
                hint="save it with at=i",
            )
        name = name.replace("{i}", str(at))
    elif at is not None:
        name = f"{iteration_folder(at)}/{name}"
    if fault := _fault(name):
        raise StoreError(
            f"the artifact name {name!r} {fault}",
            hint="use a relative name such as masks.safetensors or samples/first.png",
        )
    return PurePosixPath(name).as_posix()


def _fault(name: str) -> str | None:
    """What keeps `name` from being an artifact's name."""
    parts = name.split("/")
    if not name or name.startswith("/") or parts[0].endswith(":"):
        return "is not relative"
    if "\\" in name or any(ord(c) < 32 or 0xD800 <= ord(c) < 0xE000 for c in name):
        return "holds a backslash, a control character or half a character"
    if any(part in ("", ".", "..") for part in parts):
        return "has an empty part, '.' or '..'"
    if any(part.startswith(".") for part in parts):
        return "is hidden: names with a leading dot are iterun's own"
    if any(len(part.encode()) > LONGEST_NAME for part in parts) or len(name) > 1000:
        return f"is too long ({LONGEST_NAME} bytes a part)"
    return None
