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


def state(folder: Path) -> tuple[dict[str, Any] | None, str | None]:
    """What `folder` is at.

    Returns:
        {"commit", "dirty"} (and "untracked": how many files or folders git doesn't know), or None
        outside a repository; and the patch of tracked files, None if there is none or it is too
        large.
    """
    if (text := _git(folder, _STATUS)) is None:
        return None, None
    lines = text.splitlines()
    commit = next((line[13:] for line in lines if line.startswith("# branch.oid ")), "")
    if not commit or commit == "(initial)":
        return None, None
    changed = any(line[:1] in "12u" for line in lines if line)
    known: dict[str, Any] = {"commit": commit, "dirty": changed}
    if untracked := sum(line.startswith("? ") for line in lines):
        known["untracked"] = untracked
    patch = _git(folder, _DIFF) if changed else None
    if patch is not None and len(patch) > LARGEST_PATCH:
        patch = None
    return known, patch or None


def _git(folder: Path, words: tuple[str, ...]) -> str | None:
    """What git says; None if there is no git, no repository, or it takes too long."""
    try:
        done = subprocess.run(
            ["git", *_SAFE, *words],
            cwd=folder,
            env=os.environ | {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="surrogateescape")
