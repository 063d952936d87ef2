"""Keeping the interpreter's folders readable for a user who could not get to them by path.

Root's own interpreter often lies in a home folder that is shut to others. Whoever holds an open
folder reaches what is in it (by /proc/self/fd), and still nothing beside it.
"""

from __future__ import annotations

import os
import sys


def keep_within_reach(paths: list[str]) -> list[int]:
    """Rewrite `sys.path`, the loaded packages' paths and `paths`, where need be.

    Returns:
        Descriptors that must stay open.
    """
    opened: dict[str, int] = {}
    for path in [*sys.path, *paths]:
        if os.path.isdir(path) and not _is_open_to_all(path):
            opened[path] = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    sys.path[:] = [_rewritten(path, opened) for path in sys.path]
    paths[:] = [_rewritten(path, opened) for path in paths]
    for module in list(sys.modules.values()):
        if spots := getattr(module, "__path__", None):
            module.__path__ = [_rewritten(spot, opened) for spot in spots]
    return list(opened.values())


def _is_open_to_all(path: str) -> bool:
    while path != os.path.dirname(path):
        if not os.stat(path).st_mode & 0o1:
            return False
        path = os.path.dirname(path)
    return True


def _rewritten(path: str, opened: dict[str, int]) -> str:
    for folder in sorted(opened, key=len, reverse=True):
        if path == folder or path.startswith(f"{folder}/"):
            return f"/proc/self/fd/{opened[folder]}{path[len(folder) :]}"
    return path
