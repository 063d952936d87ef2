"""The pictures of a run: a grid of each kept iteration, and all of them in a sheet and a GIF."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from iterun.ops.pictures import grid, stacked, write_gif

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

    from iterun.types import Ref

LARGE = 48  # pixels: smaller pictures are magnified to about this side
COLUMNS = 10
SHOWN = 100  # pictures of a grid, at most


class Keeper(Protocol):
    """What the album needs of a run."""

    def save_image(self, name: str, image: Any, at: int | None = None) -> Ref: ...
    def save_file(self, name: str, write: Callable[[Path], None], at: int | None = None) -> Ref: ...
    def load(self, ref: Ref) -> Path: ...


class Album:
    """Keeps the pictures.

    Args:
        run: takes the files.
        every: iterations from one grid to the next; one that is known to be the last has one too.
        gif: make an animation at the end.
    """

    def __init__(self, run: Keeper, *, every: int, gif: bool) -> None:
        self._run, self._every, self._gif = run, every, gif
        self._pages: list[dict[str, Any]] = []  # iteration, ref of the grid, its first row's height

    def is_due(self, i: int, last: int | None) -> bool:
        """Whether iteration i has a grid."""
        return i % self._every == 0 or i == last

    def add(self, i: int, pictures: Tensor) -> None:
        """The grid of iteration i.

        Args:
            i: the iteration.
            pictures: (n, channels, height, width) in [0, 1]; the first 100 are shown.
        """
        sheet = grid(pictures[:SHOWN], min(len(pictures), COLUMNS), magnify=magnified(pictures))
        ref = self._run.save_image("grid.png", sheet, at=i)
        height = pictures.shape[2] * magnified(pictures)
        self._pages.append({"i": i, "ref": ref, "row": height})

    def finish(self) -> None:
        """contact-sheet.png, a row of pictures an iteration with its number, and animation.gif."""
        import numpy as np
        from PIL import Image

        if not self._pages:
            return
        frames = []
        for page in self._pages:
            with Image.open(self._run.load(page["ref"])) as picture:
                frames.append(np.asarray(picture))
        rows = [frame[: page["row"]] for frame, page in zip(frames, self._pages, strict=True)]
        numbers = [str(page["i"]) for page in self._pages]
        self._run.save_image("contact-sheet.png", stacked(rows, numbers))
        if self._gif:
            self._run.save_file("animation.gif", partial(write_gif, frames=frames))

    def state(self) -> list[dict[str, Any]]:
        return self._pages

    def restore(self, state: list[dict[str, Any]]) -> None:
        self._pages = state


def magnified(pictures: Tensor) -> int:
    """How many pixels a pixel is drawn with."""
    return max(1, LARGE // int(pictures.shape[2]))
