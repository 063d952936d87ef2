"""Nested training sets: level k has the first items of one shuffled order, and all learn one test.

Of tagged text an item is a sentence and its size is counted in words; of pictures it is a picture.
Features and words are numbered in the order of training, so that a level knows only the first
numbers: what is trained at level k can't see what comes after it. It knows all tags by name, those
of the test set and of later levels too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from iterun.data.cache import digest
from iterun.errors import ConfigError
from iterun.models.tag_windows import Windows, windows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from iterun.data.tagged import Sentence
    from iterun.types import ImageDataset

    Ints = NDArray[np.int64]


class Nested(Protocol):
    """One shuffle of a data set."""

    @property
    def sizes(self) -> list[int]:
        """Of each level, in words or pictures."""

    @property
    def test_classes(self) -> Ints:
        """(n,), by number."""

    @property
    def test_digest(self) -> str:
        """What tells the test set from others."""

    def training(self, k: int) -> tuple[Any, Ints]:
        """A matrix (n, features), perhaps sparse, and classes (n,) of level k, from 0."""

    def test(self, k: int) -> Any:
        """The test set's matrix, as what level k knows of it."""


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Tagged sentences in one row of words."""

    words: list[str]
    tags: Ints  #: by number, (n,)
    starts: list[int]  #: of each sentence in `words`; and the end


@dataclass(kw_only=True)
class NestedText:
    """Tagged text (Nested)."""

    tag_names: list[str]  #: by number
    train: Tokens
    held_out: Tokens
    ends: list[int]  #: sentences of each level

    @property
    def sizes(self) -> list[int]:
        return [self.train.starts[end] for end in self.ends]

    @property
    def test_classes(self) -> Ints:
        return self.held_out.tags

    @property
    def test_digest(self) -> str:
        return digest(*self.held_out.words)

    @cached_property
    def windows(self) -> tuple[Windows, Windows]:
        """Of training and test words."""
        known: dict[tuple[int, str], int] = {}
        both = [windows(part.words, part.starts, known) for part in (self.train, self.held_out)]
        return both[0], both[1]

    def training(self, k: int) -> tuple[Any, Ints]:
        n = self.sizes[k]
        return self.windows[0].matrix(n), self.train.tags[:n]

    def test(self, k: int) -> Any:
        return self.windows[1].matrix(columns=self.windows[0].n_features(self.sizes[k]))


@dataclass(kw_only=True)
class NestedPictures:
    """Pictures (Nested)."""

    sizes: list[int]
    x: NDArray[np.float64]
    classes: Ints
    x_test: NDArray[np.float64]
    test_classes: Ints

    @property
    def test_digest(self) -> str:
        return digest(self.test_classes.tobytes())

    def training(self, k: int) -> tuple[Any, Ints]:
        return self.x[: self.sizes[k]], self.classes[: self.sizes[k]]

    def test(self, k: int) -> Any:
        return self.x_test


def nested_text(
    sentences: Sequence[Sentence], order: Ints, levels: Sequence[int], n_test: int
) -> NestedText:
    """The first sentences of the order are the test set, those after them the levels.

    A sentence is never cut, so that both have at least the words asked for. Only levels that reach
    the end of the data may have fewer, where the test set took more than it was to: they are all
    that is left. Levels closer to each other than a sentence is long may be the same: `distinct`.

    Args:
        sentences: of the corpus.
        order: a permutation of their numbers.
        levels: words of each.
        n_test: words of the test set.

    Raises:
        ConfigError: there are too few words for both.
    """
    shuffled = [sentences[i] for i in order]
    ends = list(accumulate(len(one.words) for one in shuffled))
    left, cut = ends[-1] - n_test, int(np.searchsorted(ends, n_test)) + 1
    if left < levels[-1] or cut >= len(ends):
        fewer = f"fewer task.test_words, as in task.test_words={max(1, ends[-1] // 5)}"
        raise ConfigError(
            f"the data have {ends[-1]} words: task.test_words={n_test} and {levels[-1]} to train "
            "on would overlap",
            hint=f"task.max_words={left} or less, or {fewer}" if 0 < left < levels[-1] else fewer,
        )
    inside = np.array(ends[cut:]) - ends[cut - 1]
    reached = [min(int(np.searchsorted(inside, words)) + 1, len(inside)) for words in levels]
    train, test = shuffled[cut : cut + reached[-1]], shuffled[:cut]
    names = sorted({tag for one in (*train, *test) for tag in one.tags})
    numbers = {tag: number for number, tag in enumerate(names)}
    return NestedText(
        tag_names=names,
        train=_tokens(train, numbers),
        held_out=_tokens(test, numbers),
        ends=reached,
    )


def distinct(folds: Sequence[NestedText]) -> list[NestedText]:
    """The folds without the levels that repeat the one before in all of them.

    They keep equally many levels, and mean sizes that ascend.

    Args:
        folds: with the same levels asked for.
    """
    ends = np.array([fold.ends for fold in folds])  # (folds, levels)
    kept = np.append(True, np.diff(ends).any(0))
    return [replace(fold, ends=own[kept].tolist()) for fold, own in zip(folds, ends, strict=True)]


def nested_pictures(
    data: ImageDataset, draw: np.random.Generator, levels: Sequence[int], n_test: int
) -> NestedPictures:
    """Pictures of `train` in an order drawn, row by row; those of `test` in theirs.

    Args:
        data: pictures.
        draw: of the order.
        levels: pictures of each.
        n_test: pictures of the test set, the first ones.

    Raises:
        ConfigError: there are too few.
    """
    import torch

    for name, wanted, there in (
        ("max_words", levels[-1], len(data.train)),
        ("test_words", n_test, len(data.test)),
    ):
        if wanted > there:
            raise ConfigError(
                f"task.{name}={wanted}: data={data.name} has {there} pictures for it",
                hint=f"task.{name}={there} or fewer",
            )
    order = torch.from_numpy(draw.permutation(len(data.train))[: levels[-1]])
    (x, classes), (x_test, test) = data.train.batch(order), data.test.batch(torch.arange(n_test))
    return NestedPictures(
        sizes=list(levels),
        x=x.flatten(1).double().numpy(),
        classes=classes.numpy(),
        x_test=x_test.flatten(1).double().numpy(),
        test_classes=test.numpy(),
    )


def _tokens(sentences: Sequence[Sentence], numbers: dict[str, int]) -> Tokens:
    return Tokens(
        words=[word for one in sentences for word in one.words],
        tags=np.array([numbers[tag] for one in sentences for tag in one.tags], np.int64),
        starts=[0, *accumulate(len(one.words) for one in sentences)],
    )
