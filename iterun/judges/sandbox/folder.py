"""A fresh folder for a program that sees the machine's real files, and its end."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def fresh_folder(uid: int | None) -> Iterator[str]:
    """A folder that belongs to the user `uid` (None: to us), removed with all that is in it."""
    path = tempfile.mkdtemp(prefix="iterun-sandbox-")
    try:
        if uid is not None:
            os.chown(path, uid, uid)
        yield path
    finally:
        _remove(path)


def _remove(path: str) -> None:
    with contextlib.suppress(OSError, RecursionError):
        shutil.rmtree(path)
    if os.path.lexists(path):  # shut folders, or nested deeper than Python's stack
        for command in (["chmod", "-R", "u+rwX"], ["rm", "-rf"]):
            subprocess.run([*command, "--", path], capture_output=True, check=False)
