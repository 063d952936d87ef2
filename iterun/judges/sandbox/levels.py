"""The levels of isolation: what each needs, how it is started, and whether it works here.

`bwrap` and `unshare` give the same: Linux namespaces, in which a program sees the interpreter and
the system's programs read-only, folders in memory, its own processes, and no network. `rlimits` is
what is left without them: limits of the operating system, and another user where we are root.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import site
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from iterun.errors import UnavailableError
from iterun.judges.sandbox.folder import fresh_folder
from iterun.judges.sandbox.users import end_all_of, tasks_of, unused_user

if TYPE_CHECKING:
    from collections.abc import Iterator

Level = Literal["bwrap", "unshare", "rlimits"]
LEVELS: tuple[Level, ...] = ("bwrap", "unshare", "rlimits")  # strongest first
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache")
SCRATCH = {"/tmp": 64 << 20, "/work": 64 << 20, "/dev/shm": 64 << 20}  # bytes, in memory
PATH = "/usr/local/bin:/usr/bin:/bin"
NAMESPACES = "--user --map-root-user --net --pid --ipc --uts --mount --fork --kill-child"


@dataclass(frozen=True)
class Room:
    """How a sandbox of a level is started."""

    level: Level
    processes: int  #: that a program may have at once

    @contextlib.contextmanager
    def opened(self) -> Iterator[tuple[list[str], dict[str, Any]]]:
        """The command to put in front of the interpreter's, and the guard's settings."""
        paths = list(_packages())
        settings: dict[str, Any] = {
            "sweep": "namespace", "uid": None, "room": None, "folder": "/work",
            "paths": paths, "processes": self.processes, "tasks": self._tasks(),
        }  # fmt: skip
        if self.level == "bwrap":
            yield bwrap_command(), settings
        elif self.level == "unshare":
            yield [_program("unshare"), *NAMESPACES.split()], settings | {"room": view()}
        else:
            with contextlib.ExitStack() as stack:
                uid = None if os.getuid() else stack.enter_context(unused_user())
                folder = stack.enter_context(fresh_folder(uid))
                sweep = "children"
                if uid is not None:
                    sweep = "user"
                    stack.callback(end_all_of, uid)  # what a guard that was ended has left
                yield [], settings | {"sweep": sweep, "uid": uid, "folder": folder}

    def _tasks(self) -> int | None:
        """RLIMIT_NPROC: the kernel counts all tasks of a user, but those in a namespace apart."""
        if os.getuid() == 0:
            # The real root isn't bound by it; at rlimits the program is another user, alone.
            return self.processes
        if self.level != "rlimits" and _kernel() >= (5, 14):
            return self.processes + 1  # the guard is one
        return self.processes + tasks_of(os.getuid())


def environment(folder: str) -> dict[str, str]:
    """All that a program finds in its environment."""
    return {
        "PATH": PATH,
        "HOME": folder,
        "TMPDIR": "/tmp" if folder == "/work" else folder,
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",  # the order of sets is the same at every start
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def view() -> dict[str, Any]:
    """The files of a namespace: see `inside.room.build`.

    Raises:
        UnavailableError: the interpreter can't be shown without showing the home folder.
    """
    binds: list[str] = []
    links = {}
    for path in (*SYSTEM, *_prefixes()):
        if path in SYSTEM and os.path.islink(path):
            links[path] = os.readlink(path)
        elif os.path.exists(path) and not any(_is_within(path, bind) for bind in binds):
            binds.append(path)
    return {"binds": binds, "links": links, "masks": _masks(binds), "scratch": SCRATCH}


def bwrap_command() -> list[str]:
    """The words that start bubblewrap, with the same view of files as `inside.room` builds."""
    shown = view()
    words = [_program("bwrap"), "--unshare-all", "--die-with-parent", "--new-session"]
    words += ["--as-pid-1", "--cap-drop", "ALL"]
    if _bwrap_knows("--disable-userns"):
        words += ["--unshare-user", "--disable-userns"]
    words += ["--proc", "/proc", "--dev", "/dev"]
    # Before the interpreter's folders, which may lie below one of them.
    for path, size in SCRATCH.items():
        words += [*_size(size), "--tmpfs", path]
    for path in shown["binds"]:
        words += ["--ro-bind", path, path]
    for path, target in shown["links"].items():
        words += ["--symlink", target, path]
    for path in shown["masks"]:
        words += ["--tmpfs", path, "--remount-ro", path]
    words += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/work", "--clearenv"]
    for name, value in environment("/work").items():
        words += ["--setenv", name, value]
    return [*words, "--"]


def _size(size: int) -> list[str]:
    return ["--size", str(size)] if _bwrap_knows("--size") else []


@cache
def _bwrap_knows(option: str) -> bool:
    done = subprocess.run(
        [_program("bwrap"), "--help"], capture_output=True, text=True, check=False
    )
    return f"{option} " in done.stdout + done.stderr


def _program(name: str) -> str:
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/bin:/bin")
    if path is None:
        package = {"bwrap": "bubblewrap", "unshare": "util-linux"}[name]
        raise UnavailableError(f"there is no {name} here", hint=f"install the package {package}")
    return path


def _prefixes() -> list[str]:
    """The folders of the interpreter: a virtual environment's, and the one it was made from."""
    return list(dict.fromkeys(map(os.path.realpath, (sys.base_prefix, sys.prefix))))


def _masks(binds: list[str]) -> list[str]:
    """What must not be seen though it lies in a folder that is shown.

    That is this package, which holds the answers to hidden tests, the home and the working folder.
    """
    masks: list[str] = []
    for path in sorted(map(os.path.realpath, (Path(__file__).parents[2], Path.home(), Path.cwd()))):
        if not any(_is_within(path, bind) for bind in binds):
            continue
        if any(_is_within(prefix, path) for prefix in _prefixes()):
            raise UnavailableError(
                f"Python can't be shown to programs without {path}, where it lies",
                hint="use a virtual environment in a folder of its own",
            )
        if not any(_is_within(path, mask) for mask in masks):
            masks.append(path)
    return masks


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


@cache
def _packages() -> tuple[str, ...]:
    """Installed packages, such as numpy; put on the path without running their .pth files."""
    found = [os.path.realpath(path) for path in site.getsitepackages()]
    return tuple(path for path in dict.fromkeys(found) if os.path.isdir(path))


@cache
def _kernel() -> tuple[int, ...]:
    return tuple(int(word) for word in os.uname().release.split("-")[0].split(".")[:2])
