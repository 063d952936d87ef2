"""Where a picture goes and how it looks, checked before anything is read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from iterun.errors import ConfigError, nearest

SUFFIXES = (".png", ".svg", ".pdf")
STYLES = ("light", "dark")
_INCHES = (1.0, 40.0)


class Look(NamedTuple):
    """Where a picture goes, and how it looks."""

    file: Path
    style: str
    size: tuple[float, float] | None  #: inches


def look(file: str, style: str = "light", size: str | None = None) -> Look:
    """What was asked for, looked at before anything is read.

    Raises:
        ConfigError: the kind of file, its folder, the style or the size can't be had.
    """
    path = Path(file).expanduser()
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(
            f"--out {file}: a picture is a {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}",
            hint=f"as in --out {path.stem or 'plot'}.png; --csv gives the points",
        )
    if not path.parent.is_dir():
        raise ConfigError(
            f"--out {file}: there is no folder {path.parent}", hint=f"mkdir -p {path.parent}"
        )
    if path.is_dir():
        raise ConfigError(f"--out {file} is a folder", hint=f"as in --out {path}/plot.png")
    if style not in STYLES:
        close = " or ".join(nearest(style, STYLES)) or "light or dark"
        raise ConfigError(f"--style {style}: there is no such style", hint=f"--style {close}")
    return Look(path, style, _inches(size) if size is not None else None)


def _inches(size: str) -> tuple[float, float]:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)x(\d+(?:\.\d+)?)", size)
    inches = (float(found[1]), float(found[2])) if found else (0.0, 0.0)
    if not all(_INCHES[0] <= x <= _INCHES[1] for x in inches):
        raise ConfigError(
            f"--size {size}: width and height in inches, 1 to 40 each", hint="as in --size 6x4"
        )
    return inches
