"""What a tagger sees of a word: itself, two words on each side, its end and its shape.

A feature is a slot and what fills it, numbered when it is first seen. Each word has one feature a
slot, so that a text is a matrix of numbers, int64, (words, slots).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

OUTSIDE = "\0"  # beside the first and the last word of a sentence
_SHAPES = (
    (re.compile(r"[^\W\d_]"), lambda found: "X" if found[0].isupper() else "x"),
    (re.compile(r"\d"), lambda found: "d"),
    (re.compile(r"(.)\1+"), lambda found: found[1]),
)


@dataclass(frozen=True)
class Windows:
    """The features of a text."""

    ids: NDArray[np.int64]  #: (words, slots)

    def n_features(self, n: int) -> int:
        """Features that the first n words have, where they were the first to be numbered."""
        return int(self.ids[:n].max()) + 1

    def matrix(self, n: int | None = None, columns: int | None = None) -> Any:
        """The first n words as a sparse matrix of ones, float64.

        Args:
            n: words; None: all.
            columns: features from this number on are left out; None: none are.
        """
        from scipy.sparse import csr_matrix

        ids = self.ids[:n]
        kept = ids < (int(ids.max()) + 1 if columns is None else columns)
        width = int(ids.max()) + 1 if columns is None else columns
        ends = np.concatenate([[0], kept.sum(1).cumsum()])
        found = csr_matrix((np.ones(ends[-1]), ids[kept], ends), shape=(len(ids), width))
        found.sort_indices()
        return found


def windows(
    words: Sequence[str], starts: Sequence[int], known: dict[tuple[int, str], int]
) -> Windows:
    """The features of a text; those that are new are added to `known`.

    Args:
        words: of all sentences, in one row.
        starts: of each sentence; and the end.
        known: numbers by slot and what fills it.
    """
    own = {word: (word[-1:], word[-2:], word[-3:], shape(word)) for word in dict.fromkeys(words)}
    rows = []
    for start, end in pairwise(starts):
        sentence = [OUTSIDE, OUTSIDE, *words[start:end], OUTSIDE, OUTSIDE]
        for k in range(2, len(sentence) - 2):
            filled = (*sentence[k - 2 : k + 3], *own[sentence[k]], "")  # the last is always there
            rows.append([known.setdefault(slot, len(known)) for slot in enumerate(filled)])
    return Windows(np.array(rows, np.int64))


def shape(word: str) -> str:
    """Its kinds of letters, each run once: "Xx" of "Anna", "dx" of "20th", "x-x" of "two-way"."""
    for pattern, kind in _SHAPES:
        word = pattern.sub(kind, word)
    return word
