"""The settings of a line that made a run, for another line that is made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_FLAGS = ("-m", "--multirun", "--run", "-r", "--quiet", "--json", "--debug")
_WITH_VALUE = (
    "--config-dir", "-cd", "--config-path", "-cp", "--config-name", "-cn", "--package", "-p",
)  # fmt: skip
_OF_HYDRA = ("hydra.", "hydra/")  # but the search path, which decides what names mean
_SEARCH_PATH = "hydra.searchpath"


def key_of(word: str) -> str:
    """`task.lr` of task.lr=0.1, +task.lr=0.1 and ~task.lr."""
    return word.lstrip("+~").partition("=")[0]


def kept(words: Sequence[str], is_gone: Callable[[str], bool]) -> Iterator[str]:
    """The settings and where they are looked up, not where runs lie nor how a run is shown.

    Args:
        words: as typed, behind the program's name.
        is_gone: whether a key is left out.
    """
    rest = iter(words)
    for word in rest:
        key = key_of(word)
        if word == "--outputs":
            next(rest, None)
        elif word in _WITH_VALUE:
            yield from (word, next(rest, ""))
        elif key == _SEARCH_PATH:
            yield word
        elif word in _FLAGS or key == "--outputs" or key.startswith(_OF_HYDRA):
            continue
        elif not is_gone(key):
            yield word
