"""The state of the user's repository: commit, and the difference from it; at most two calls of git.

Nothing of the repository's own settings is run (no external diff, no file system monitor) and
nothing in it is written (no index refresh).
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

LARGEST_PATCH = 1 << 20  # bytes; a larger difference is recorded as dirty, without its patch
_SECONDS = 5.0
_SAFE = ("-c", "core.fsmonitor=false", "-c", "core.bigFileThreshold=1m")
_STATUS = ("status", "--porcelain=v2", "--branch", "--untracked-files=normal")
_DIFF = ("diff", "HEAD", "--no-ext-diff", "--no-textconv", "--no-color", "--submodule=short")


class Look:
    """A look at the repository that `folder` is in; begun at once, so that it costs no waiting.

    Use it as a context, or call `close`: git is ended if its answer was not asked for.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._status = _begin(folder, _STATUS)

    def state(self) -> tuple[dict[str, Any] | None, str | None]:
        """What the folder is at.

        Returns:
            {"commit", "dirty"} (and "untracked": how many files or folders git doesn't know), or
            None outside a repository; and the patch of tracked files, None if there is none or it
            is too large.
        """
        if (text := _end(self._status)) is None:
            return None, None
        lines = text.splitlines()
        commit = next((line[13:] for line in lines if line.startswith("# branch.oid ")), "")
        if not commit or commit == "(initial)":
            return None, None
        changed = any(line[:1] in "12u" for line in lines if line)
        known: dict[str, Any] = {"commit": commit, "dirty": changed}
        if untracked := sum(line.startswith("? ") for line in lines):
            known["untracked"] = untracked
        patch = _end(_begin(self._folder, _DIFF)) if changed else None
        if patch is not None and len(patch) > LARGEST_PATCH:
            patch = None
        return known, patch or None

    def close(self) -> None:
        """End git if it still works."""
        if self._status is not None and self._status.returncode is None:
            self._status.kill()
            self._status.communicate()

    def __enter__(self) -> Look:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _begin(folder: Path, words: tuple[str, ...]) -> subprocess.Popen[bytes] | None:
    """Git at work; None if there is no git."""
    try:
        return subprocess.Popen(
            ["git", *_SAFE, *words],
            cwd=folder,
            env=os.environ | {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return None


def _end(git: subprocess.Popen[bytes] | None) -> str | None:
    """What git says; None if it fails (no repository) or takes too long."""
    if git is None:
        return None
    try:
        said, _ = git.communicate(timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        git.kill()
        git.communicate()
        return None
    return said.decode(errors="surrogateescape") if git.returncode == 0 else None
