"""Sizes of the levels of a learning curve: what is said where they are too few, or others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iterun.errors import ConfigError, shown
from iterun.models.nested import distinct

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from iterun.models.nested import Nested, NestedText

FEWEST_LEVELS = 4
SHOWN = 4  # sizes in a message


@dataclass(frozen=True, kw_only=True)
class Levels:
    """As asked for by `task.*`, in words or pictures."""

    kernel: int  #: of the first level
    slice: int  #: from one level to the next
    max_words: int | None  #: of the last level; None: what the test set leaves
    test_words: int

    def sizes(self, last: int) -> list[int]:
        """Of each level.

        Args:
            last: size of the last one.

        Raises:
            ConfigError: they are too few.
        """
        for fault in self.check(last):
            raise fault
        found = list(range(self.kernel, last + 1, self.slice))
        return found if found[-1] == last else [*found, last]

    def check(self, last: int) -> Iterator[ConfigError]:
        """What is to be said of levels up to that size."""
        n = 1 + -(-(last - self.kernel) // self.slice) if last >= self.kernel else 0
        if n < FEWEST_LEVELS:
            asked, there = (
                ("null", f" of {last} in all") if self.max_words is None else (self.max_words, "")
            )
            step = max(1, last // 10)
            yield ConfigError(
                f"task.kernel={self.kernel} and task.slice={self.slice} make {n} levels up to "
                f"task.max_words={asked}{there}, and a curve takes {FEWEST_LEVELS}",
                hint=f"smaller ones, as in task.kernel={step} task.slice={step}"
                if last >= FEWEST_LEVELS
                else f"at least task.max_words={self.kernel + (FEWEST_LEVELS - 1) * self.slice}",
            )

    def left(self, n: int) -> int:
        """Of a text of n words, those that the test set leaves.

        Raises:
            ConfigError: they are too few for any levels.
        """
        if (left := n - self.test_words) < FEWEST_LEVELS:
            fewer = max(1, n // 5)
            step = max(1, (n - fewer) // 10)
            raise ConfigError(
                f"the data have {n} words: task.test_words={self.test_words} leaves too few to "
                "train on",
                hint=f"as in task.test_words={fewer} task.kernel={step} task.slice={step}",
            )
        return left

    def check_same(self, was: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        """Let observations be gone on with only where they are of these levels.

        Args:
            was: `drawn` when they were made.
            now: of as many levels.

        Raises:
            ConfigError: these are others.
        """
        sizes, last = was["sizes"][0], f"task.max_words={shown(self.max_words)}"
        levels = ", ".join(map(str, sizes[:SHOWN])) + ", ..." * (len(sizes) > SHOWN)
        settings = f"task.kernel={self.kernel} task.slice={self.slice} {last}"
        for key, typed, of in (
            ("data", "data=", "other data"),
            ("folds", f"task.folds={now['folds']}", f"task.folds={was['folds']}"),
            ("test", f"task.test_words={self.test_words} {last}", "another test set"),
            ("sizes", settings, f"levels of {levels}"),
        ):
            if was[key] != now[key]:
                raise ConfigError(
                    f"{typed}: the accuracies so far are of {of}",
                    hint="leave that as it was, or begin a new run",
                )

    def distinct(self, folds: Sequence[NestedText]) -> list[NestedText]:
        """The folds without levels that repeat each other.

        Raises:
            ConfigError: too few are left.
        """
        found = distinct(folds)
        if (n := len(found[0].sizes)) < FEWEST_LEVELS:
            raise ConfigError(
                f"task.kernel={self.kernel} and task.slice={self.slice} make {n} levels that "
                f"differ, since no sentence is cut, and a curve takes {FEWEST_LEVELS}",
                hint=f"fewer task.test_words, as in task.test_words={max(1, self.test_words // 2)}"
                if self.max_words is None
                else f"more words, as in task.max_words={10 * self.max_words}",
            )
        return found


def drawn(fingerprint: str, folds: Sequence[Nested], n: int) -> dict[str, Any]:
    """What the first n levels are, to be compared after a fork (`Levels.check_same`).

    Args:
        fingerprint: of the data.
        folds: with all levels.
        n: levels.
    """
    return {
        "data": fingerprint,
        "folds": len(folds),
        "test": [fold.test_digest for fold in folds],
        "sizes": [fold.sizes[:n] for fold in folds],
    }
