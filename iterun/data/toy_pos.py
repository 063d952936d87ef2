"""A generated language with tagged sentences, whose words are as unequally frequent as real ones.

    P(word of rank r) ~ 1 / (r + 2.7)       in the lexicon of its tag, r from 0
    S  = NP VP (CONJ NP VP) PUNCT
    NP = PRON | PROPN (PROPN) | (DET | NUM) ADJ* NOUN (NOUN) (ADP NP)
    VP = (AUX) (ADV) VERB (NP | ADP NP | ADJ | CONJ NP VP) (ADV) (ADP NP)

New words turn up ever more rarely, so that a tagger's accuracy rises by a power law for a real
reason. What makes tagging hard: some words stand in two lexicons, suffixes belong to several tags,
and both have to be told apart by what stands beside them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from iterun.data.cache import digest
from iterun.data.tagged import Sentence
from iterun.errors import ConfigError, raise_all, too_small

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

SIZES = {
    "DET": 12, "ADJ": 2500, "NOUN": 6000, "VERB": 2500, "ADV": 600, "PRON": 20, "ADP": 40,
    "CONJ": 10, "NUM": 300, "PROPN": 4000, "AUX": 15, "PUNCT": 4,
}  # fmt: skip
#: whose forms some ranks of a lexicon reuse
SOURCES = {
    "VERB": "NOUN", "ADJ": "NOUN", "ADV": "ADJ", "AUX": "VERB",
    "ADP": "ADV", "PRON": "DET", "PROPN": "NOUN", "CONJ": "ADP",
}  # fmt: skip
REUSED = 0.15  # of the ranks of these
SUFFIXES = {
    "NOUN": ("s", "er", "ion", "ness", "ity"),
    "VERB": ("s", "er", "ed", "ing", "ate"),
    "PROPN": ("s", "er", "son", "ia"),
    "ADJ": ("ous", "al", "ive", "ed"),
    "ADV": ("ly", "al", "wise"),
    "NUM": ("ty", "teen"),
}
SUFFIXED = 0.5  # of the forms of these
SHORT = 50  # words: lexicons of fewer have forms of one syllable
FLATTENED = 2.7  # of the ranks
ONSETS = (*"bcdfghklmnprstvwz", "br", "st", "tr", "pl")
VOWELS = (*"aeiou", "ai", "ou")
CODAS = ("", "", "", "n", "r", "l", "s", "t", "k")
MARKS = (".", "!", "?", ";")
DEEPEST = 2  # prepositions inside one another


@dataclass(frozen=True)
class ToyLanguage:
    """A language a seed (TaggedSet)."""

    name: str
    fingerprint: str
    seed: int | None

    def tagged(self, draw: np.random.Generator, n_words: int | None) -> list[Sentence]:
        """Sentences of a new language, until there are enough; with `seed`, of that one."""
        import numpy as np

        if n_words is None:
            raise ConfigError(
                f"data={self.name} has no end: task.max_words=null takes all there is",
                hint="as in task.max_words=20000",
            )
        if self.seed is not None:
            draw = np.random.default_rng(self.seed)
        speaker = _Speaker(draw, lexicons(draw))
        found: list[Sentence] = []
        said = 0
        while said < n_words:
            words, tags = zip(*speaker.sentence(), strict=True)
            found.append(Sentence(words, tags))
            said += len(words)
        return found


def toy_pos(*, name: str = "toy-pos", seed: int | None = None) -> ToyLanguage:
    """The generated language.

    Args:
        name: as typed.
        seed: of the language and its sentences, from 0; null: the run's.

    Raises:
        ConfigError: a seed below 0.
    """
    raise_all(too_small({"seed": seed}, {"seed": 0}, node="data"))
    return ToyLanguage(name, digest(repr(("toy_pos", seed))), seed)


def lexicons(draw: np.random.Generator) -> dict[str, list[str]]:
    """Forms by tag and rank; within a lexicon all differ but for those that it reuses."""
    own = {tag: _forms(draw, tag, size) for tag, size in SIZES.items()}
    found = {tag: list(forms) for tag, forms in own.items()}
    for tag, source in SOURCES.items():
        size = SIZES[tag]
        for rank in (draw.random(size) < REUSED).nonzero()[0]:
            found[tag][rank] = own[source][rank * SIZES[source] // size]
    return found


def _forms(draw: np.random.Generator, tag: str, size: int) -> list[str]:
    if tag == "PUNCT":
        return list(MARKS)
    found: dict[str, None] = {}  # in order, each once
    while len(found) < size:
        found |= dict.fromkeys(_drawn(draw, tag, size))
    return list(found)[:size]


def _drawn(draw: np.random.Generator, tag: str, size: int) -> list[str]:
    """As many forms as the lexicon has, some of them perhaps equal."""
    n = draw.integers(2, 4, size).tolist() if size >= SHORT else [1] * size
    syllables = zip(*(_of(draw, parts, sum(n)) for parts in (ONSETS, VOWELS, CODAS)), strict=True)
    forms = ["".join("".join(next(syllables)) for _ in range(k)) for k in n]
    if tag in SUFFIXES:
        ends = zip(draw.random(size) < SUFFIXED, _of(draw, SUFFIXES[tag], size), strict=True)
        forms = [form + end * bool(has) for form, (has, end) in zip(forms, ends, strict=True)]
    return [form.capitalize() for form in forms] if tag == "PROPN" else forms


def _of(draw: np.random.Generator, parts: tuple[str, ...], n: int) -> list[str]:
    return [parts[k] for k in draw.integers(len(parts), size=n).tolist()]


Tagged = tuple[str, str]  # word, tag


class _Speaker:
    """Says sentences of a language."""

    def __init__(self, draw: np.random.Generator, lexicon: dict[str, list[str]]) -> None:
        import numpy as np

        self._draw = draw
        self._lexicon = lexicon
        self._rank = {
            tag: np.array(list(accumulate(1 / (rank + FLATTENED) for rank in range(size))))
            for tag, size in SIZES.items()
        }

    def sentence(self) -> Iterator[Tagged]:
        yield from self._noun_phrase()
        yield from self._verb_phrase()
        if self._chance(0.2):
            yield self._word("CONJ")
            yield from self._noun_phrase()
            yield from self._verb_phrase()
        yield self._word("PUNCT")

    def _noun_phrase(self, depth: int = 0) -> Iterator[Tagged]:
        kind = self._draw.random()
        if kind < 0.2:
            yield self._word("PRON")
            return
        if kind < 0.35:
            yield self._word("PROPN")
            yield from self._perhaps(0.4, "PROPN")
            return
        if kind < 0.80:
            yield self._word("DET")
        elif kind < 0.88:
            yield self._word("NUM")
        while self._chance(0.3):
            yield self._word("ADJ")
        yield self._word("NOUN")
        yield from self._perhaps(0.2, "NOUN")
        if depth < DEEPEST and self._chance(0.25):
            yield from self._prepositional(depth + 1)

    def _verb_phrase(self, *, joined: bool = False) -> Iterator[Tagged]:
        yield from self._perhaps(0.3, "AUX")
        yield from self._perhaps(0.15, "ADV")
        yield self._word("VERB")
        kind = self._draw.random()
        if kind < 0.5:
            yield from self._noun_phrase()
        elif kind < 0.7:
            yield from self._prepositional(0)
        elif kind < 0.8:
            yield self._word("ADJ")
        elif kind < 0.9 and not joined:
            yield self._word("CONJ")
            yield from self._noun_phrase()
            yield from self._verb_phrase(joined=True)
        yield from self._perhaps(0.2, "ADV")
        if self._chance(0.2):
            yield from self._prepositional(0)

    def _prepositional(self, depth: int) -> Iterator[Tagged]:
        yield self._word("ADP")
        yield from self._noun_phrase(depth)

    def _perhaps(self, p: float, tag: str) -> Iterator[Tagged]:
        if self._chance(p):
            yield self._word(tag)

    def _chance(self, p: float) -> bool:
        return bool(self._draw.random() < p)

    def _word(self, tag: str) -> Tagged:
        weights = self._rank[tag]
        rank = int(weights.searchsorted(self._draw.random() * weights[-1], side="right"))
        return self._lexicon[tag][min(rank, len(weights) - 1)], tag
