"""Texts whose every word has a tag, sentence by sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np


class Sentence(NamedTuple):
    """Words and their tags, of one length, at least one."""

    words: tuple[str, ...]
    tags: tuple[str, ...]


@runtime_checkable
class TaggedSet(Protocol):
    """Tagged sentences; made ones differ from seed to seed of a run."""

    name: str
    fingerprint: str

    def tagged(self, draw: np.random.Generator, n_words: int | None) -> Sequence[Sentence]:
        """The sentences of a run, in no particular order.

        Args:
            draw: of what is made up.
            n_words: how many are needed at least; a file has what it has. None: all there are.

        Raises:
            ConfigError: there is no end to them, and `n_words` is None.
        """


@dataclass(frozen=True)
class FixedSentences:
    """Sentences as they were read (TaggedSet)."""

    name: str
    fingerprint: str
    sentences: tuple[Sentence, ...]

    def tagged(self, draw: np.random.Generator, n_words: int | None) -> tuple[Sentence, ...]:
        """All of them: nothing is random."""
        return self.sentences


def count(sentences: Iterable[Sentence]) -> int:
    """Words of all sentences."""
    return sum(len(sentence.words) for sentence in sentences)
