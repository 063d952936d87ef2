"""Trigrams of tags with deleted interpolation, and suffixes for words that were never seen.

    P(tags, words) = Π P(t_i | t_{i-2}, t_{i-1}) P(w_i | t_i) · P(end | t_{n-1}, t_n)
    P(t_3 | t_1, t_2) = λ_1 f(t_3) + λ_2 f(t_3 | t_2) + λ_3 f(t_3 | t_1, t_2)

λ are found by leaving each trigram out once (Brants, "TnT", 2000). Of a new word P(w | t) is taken
as P(t | its last letters) / P(t), with up to five letters, counted over words seen at most ten
times and apart for those with a capital; θ, the weight of a shorter suffix, is the standard
deviation of the tags' shares.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from iterun.models.nested import NestedText

    Array = NDArray[np.float64]

LONGEST = 5  # letters of a suffix
RARE = 10  # times that a word may have been seen to count for suffixes


@dataclass
class Words:
    """How often words had their tags, (T,) each, and what follows for words to come."""

    counts: dict[str, list[int]]
    suffixes: dict[tuple[bool, str], list[int]]  #: of rare words, by capital; "" is the shortest
    shares: Array  #: P(t), (T,)
    n: int  #: words counted
    _inferred: dict[tuple[bool, str], Array] = field(default_factory=dict)

    def emission(self, word: str) -> Array:
        """Of each tag, ln P(w | t) up to a constant, (T,)."""
        known = self.counts.get(word)
        if known is not None:
            return _log(_over(np.array(known, float), self.shares * self.n))
        capital = word[:1].isupper()
        for n in range(min(LONGEST, len(word)), -1, -1):
            suffix = word[len(word) - n :]
            if (capital, suffix) in self.suffixes:
                return _log(_over(self._of_suffix(capital, suffix), self.shares))
        return np.where(self.shares > 0, 0.0, -np.inf)  # no rare word of this kind: any tag

    def _of_suffix(self, capital: bool, suffix: str) -> Array:
        """P(t | suffix): the shorter it is, the less it weighs."""
        key = capital, suffix
        if key not in self._inferred:
            shorter = self._of_suffix(capital, suffix[1:]) if suffix else self.shares
            own = np.array(self.suffixes[key], float)
            theta = float(self.shares.std(ddof=1)) if len(self.shares) > 1 else 0.0
            self._inferred[key] = (own / own.sum() + theta * shorter) / (1 + theta)
        return self._inferred[key]


def hmm(data: NestedText, k: int) -> NDArray[np.int64]:
    """Tags of the test set after counting level k, from 0."""
    n, n_tags = data.sizes[k], len(data.tag_names)
    tags, starts = data.train.tags[:n], data.train.starts[: data.ends[k] + 1]
    words = _counted(data.train.words[:n], tags, n_tags)
    transitions = _transitions([tags[start:end] for start, end in pairwise(starts)], n_tags)
    return _tagged(transitions, words, data.held_out.words, data.held_out.starts)


def _counted(words: list[str], tags: NDArray[np.int64], n_tags: int) -> Words:
    counts: dict[str, list[int]] = defaultdict(lambda: [0] * n_tags)
    for word, tag in zip(words, tags.tolist(), strict=True):
        counts[word][tag] += 1
    suffixes: dict[tuple[bool, str], list[int]] = defaultdict(lambda: [0] * n_tags)
    for word, own in counts.items():
        if sum(own) <= RARE:
            seen = [(tag, count) for tag, count in enumerate(own) if count]
            for n in range(min(LONGEST, len(word)) + 1):
                row = suffixes[word[:1].isupper(), word[len(word) - n :]]
                for tag, count in seen:
                    row[tag] += count
    shares = np.bincount(tags, minlength=n_tags) / len(tags)
    return Words(dict(counts), dict(suffixes), shares, len(tags))


def _transitions(sentences: list[NDArray[np.int64]], n_tags: int) -> Array:
    """Of three tags, ln P(t_3 | t_1, t_2) by deleted interpolation."""
    three: Counter[tuple[int, int, int]] = Counter()
    for tags in sentences:
        row = [n_tags, n_tags, *tags.tolist(), n_tags]
        three.update(zip(row, row[1:], row[2:], strict=False))
    counts = np.zeros((n_tags + 1,) * 3)
    for key, count in three.items():
        counts[key] = count
    pairs, ones = counts.sum(0), counts.sum((0, 1))  # of what is foretold: (t_2, t_3), (t_3)
    given_two, given_one, total = counts.sum(2), pairs.sum(1), ones.sum()
    weights = np.zeros(3)
    for (a, b, c), count in sorted(three.items()):
        left_out = (
            _ratio(ones[c] - 1, total - 1),
            _ratio(pairs[b, c] - 1, given_one[b] - 1),
            _ratio(count - 1, given_two[a, b] - 1),
        )
        weights[int(np.argmax(left_out))] += count
    weights /= weights.sum()
    smooth = weights[0] * ones / total + weights[1] * _shares(pairs) + weights[2] * _shares(counts)
    return _log(smooth)


def _tagged(
    transitions: Array, known: Words, words: list[str], starts: list[int]
) -> NDArray[np.int64]:
    """The likeliest tags of each sentence; those of one length are done together."""
    numbers = {word: number for number, word in enumerate(dict.fromkeys(words))}
    emissions = np.array([known.emission(word) for word in numbers])
    row = emissions[[numbers[word] for word in words]]  # (words, tags)
    by_length: dict[int, list[int]] = defaultdict(list)
    for start, end in pairwise(starts):
        by_length[end - start].append(start)
    found = np.empty(len(words), np.int64)
    for length, own in by_length.items():
        places = np.add.outer(own, np.arange(length))
        found[places] = _viterbi(transitions, row[places])
    return found


def _viterbi(transitions: Array, emissions: Array) -> NDArray[np.int64]:
    """The best paths over pairs of tags.

    Args:
        transitions: (T + 1, T + 1, T + 1).
        emissions: (sentences, length, T).

    Returns:
        (sentences, length).
    """
    n, length, n_tags = emissions.shape
    first = transitions[n_tags, n_tags, :n_tags] + emissions[:, 0]
    if length == 1:
        return np.asarray((first + transitions[n_tags, :n_tags, n_tags]).argmax(1))[:, None]
    # The pair (t_2, t_1), for t_1 to be contiguous: it is what the best is taken over.
    inner = np.ascontiguousarray(transitions[:n_tags, :n_tags, :n_tags].transpose(1, 2, 0))
    best = first[:, None, :] + transitions[n_tags, :n_tags, :n_tags].T + emissions[:, 1, :, None]
    pointers = []
    for k in range(2, length):
        paths = best[:, :, None, :] + inner  # (sentences, t_2, t_3, t_1)
        pointers.append(paths.argmax(-1))
        best = np.take_along_axis(paths, pointers[-1][..., None], -1)[..., 0].swapaxes(1, 2)
        best = best + emissions[:, k, :, None]
    best = best + transitions[:n_tags, :n_tags, n_tags].T
    last, before = np.divmod(best.reshape(n, -1).argmax(1), n_tags)
    row = [last, before]
    for pointer in reversed(pointers):
        row.append(pointer[np.arange(n), row[-1], row[-2]])
    return np.stack(row[::-1], 1)


def _ratio(count: float, of: float) -> float:
    return count / of if of > 0 else 0.0


def _shares(counts: Array) -> Array:
    """Along the last axis; 0 where nothing was counted."""
    return _over(counts, np.broadcast_to(counts.sum(-1, keepdims=True), counts.shape))


def _over(counts: Array, of: Array) -> Array:
    return np.asarray(np.divide(counts, of, where=of > 0, out=np.zeros_like(counts)))


def _log(p: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(p))
