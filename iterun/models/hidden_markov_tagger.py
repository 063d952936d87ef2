"""Trigrams of tags with deleted interpolation, and suffixes for words that were never seen.

    P(tags, words) = Π P(t_i | t_{i-2}, t_{i-1}) P(w_i | t_i) · P(end | t_{n-1}, t_n)
    P(t_3 | t_1, t_2) = λ_1 f(t_3) + λ_2 f(t_3 | t_2) + λ_3 f(t_3 | t_1, t_2)

λ are found by leaving each trigram out once (Brants, "TnT", 2000). Of a new word P(w | t) is taken
as P(t | its last letters) / P(t), with up to five letters, counted over words seen at most ten
times and apart for those with a capital; θ, the weight of a shorter suffix, is the standard
deviation of the tags' shares.

All triples of hundreds of tags are too many to hold. Of one never counted f(t_3 | t_1, t_2) is 0,
so that P depends on its last two tags alone: only those that were counted are kept one by one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from iterun.models.nested import NestedText

    Array = NDArray[np.float64]
    Ints = NDArray[np.int64]

LONGEST = 5  # letters of a suffix
RARE = 10  # times that a word may have been seen to count for suffixes
PAIRS = 200_000  # of tags, of all sentences whose paths are looked for at once


@dataclass
class Words:
    """How often words had their tags, and what follows for words to come."""

    counts: Mapping[str, Mapping[int, int]]
    suffixes: Mapping[tuple[bool, str], Mapping[int, int]]  #: of rare words, by capital
    shares: Array  #: P(t), (T,)
    n: int  #: words counted
    _inferred: dict[tuple[bool, str], Array] = field(default_factory=dict)

    def emission(self, word: str) -> Array:
        """Of each tag, ln P(w | t) up to a constant, (T,)."""
        known = self.counts.get(word)
        if known is not None:
            return _log(_over(self._dense(known), self.shares * self.n))
        capital = word[:1].isupper()
        for n in range(min(LONGEST, len(word)), -1, -1):
            suffix = word[len(word) - n :]
            if (capital, suffix) in self.suffixes:
                return _log(_over(self._of_suffix(capital, suffix), self.shares))
        return np.where(self.shares > 0, 0.0, -np.inf)  # no rare word of this kind: any tag

    @cached_property
    def _theta(self) -> float:
        return float(self.shares.std(ddof=1)) if len(self.shares) > 1 else 0.0

    def _of_suffix(self, capital: bool, suffix: str) -> Array:
        """P(t | suffix): the shorter it is, the less it weighs."""
        key = capital, suffix
        if key not in self._inferred:
            shorter = self._of_suffix(capital, suffix[1:]) if suffix else self.shares
            own, theta = self._dense(self.suffixes[key]), self._theta
            self._inferred[key] = (own / own.sum() + theta * shorter) / (1 + theta)
        return self._inferred[key]

    def _dense(self, counts: Mapping[int, int]) -> Array:
        found = np.zeros(len(self.shares))
        found[list(counts)] = list(counts.values())
        return found


@dataclass(frozen=True, kw_only=True)
class Transitions:
    """ln P(t_3 | t_1, t_2); the tag T is what lies outside of a sentence."""

    counted: tuple[Ints, Ints, Ints]  #: t_1, t_2, t_3 of the trigrams seen, by (t_2, t_3, t_1)
    values: Array  #: of each of them, none below `others` of its last two tags
    others: Array  #: of all that were never seen, by (t_2, t_3), (T + 1, T + 1)

    @cached_property
    def _codes(self) -> Ints:
        return self._code(*self.counted)

    def at(self, t_1: Ints, t_2: Ints, t_3: Ints) -> Array:
        """Of tags that are broadcast against one another."""
        wanted = self._code(t_1, t_2, t_3)
        near = self._codes.searchsorted(wanted).clip(max=len(self._codes) - 1)
        return np.where(self._codes[near] == wanted, self.values[near], self.others[t_2, t_3])

    def longer(self, best: Array, t_1: Ints, t_2: Ints, t_3: Ints) -> Array:
        """The best paths to each pair (t_2, t_3).

        Args:
            best: to each (t_1, t_2), (sentences, A, B).
            t_1: tags to choose from, (A,).
            t_2: likewise, (B,).
            t_3: likewise, (C,).

        Returns:
            (sentences, B, C).
        """
        found: Array = best.max(1)[:, :, None] + self.others[np.ix_(t_2, t_3)]
        inside, a, b, c = self._among(t_1, t_2, t_3)
        pairs = b * len(t_3) + c
        first = np.flatnonzero(np.diff(pairs, prepend=-1))
        values = best.reshape(len(best), -1).take(a * len(t_2) + b, 1) + self.values[inside]
        flat = found.reshape(len(best), -1)
        own = pairs[first]
        flat[:, own] = np.maximum(flat[:, own], np.maximum.reduceat(values, first, 1))
        return found

    def _among(self, *tags: Ints) -> tuple[Ints, Ints, Ints, Ints]:
        """Which counted trigrams have these tags, and at which place of `tags` theirs are."""
        places = []
        for own, chosen in zip(self.counted, tags, strict=True):
            place = np.full(len(self.others), -1)
            place[chosen] = np.arange(len(chosen))
            places.append(place[own])
        a, b, c = places
        inside = np.flatnonzero((a >= 0) & (b >= 0) & (c >= 0))
        return inside, a[inside], b[inside], c[inside]

    def _code(self, t_1: Ints, t_2: Ints, t_3: Ints) -> Ints:
        return (t_2 * len(self.others) + t_3) * len(self.others) + t_1


def hmm(data: NestedText, k: int) -> Ints:
    """Tags of the test set after counting level k, from 0."""
    n, n_tags = data.sizes[k], len(data.tag_names)
    tags, starts = data.train.tags[:n], data.train.starts[: data.ends[k] + 1]
    words = _counted(data.train.words[:n], tags, n_tags)
    transitions = _transitions([tags[start:end] for start, end in pairwise(starts)], n_tags)
    return _tagged(transitions, words, data.held_out.words, data.held_out.starts)


def _counted(words: list[str], tags: Ints, n_tags: int) -> Words:
    counts: dict[str, dict[int, int]] = defaultdict(dict)
    for (word, tag), count in Counter(zip(words, tags.tolist(), strict=True)).items():
        counts[word][tag] = count
    suffixes: dict[tuple[bool, str], dict[int, int]] = defaultdict(dict)
    for word, own in counts.items():
        if sum(own.values()) <= RARE:
            capital = word[:1].isupper()
            for n in range(min(LONGEST, len(word)) + 1):
                row = suffixes[capital, word[len(word) - n :]]
                for tag, count in own.items():
                    row[tag] = row.get(tag, 0) + count
    shares = np.bincount(tags, minlength=n_tags) / len(tags)
    return Words(dict(counts), dict(suffixes), shares, len(tags))


def _transitions(sentences: list[Ints], n_tags: int) -> Transitions:
    """By deleted interpolation."""
    width, outside = n_tags + 1, np.full(2, n_tags)
    row = np.concatenate([outside, *(part for tags in sentences for part in (tags, outside))])
    a, b, c = row[:-2], row[1:-1], row[2:]
    inside = (b < n_tags) | (c < n_tags)  # not from one sentence into the next
    codes, counts = np.unique(((b * width + c) * width + a)[inside], return_counts=True)
    (b, c), a = np.divmod(codes // width, width), codes % width
    pairs = _summed(counts, b * width + c, width**2).reshape(width, width)
    ones, given_one = pairs.sum(0), pairs.sum(1)
    given_two = _summed(counts, a * width + b, width**2)[a * width + b]
    total = ones.sum()
    left_out = [
        _over(ones[c] - 1, np.asarray(total - 1)),
        _over(pairs[b, c] - 1, given_one[b] - 1),
        _over((counts - 1).astype(np.float64), given_two - 1),
    ]
    weights = _summed(counts, np.argmax(left_out, 0), 3)
    weights /= weights.sum()
    others = weights[0] * ones / total + weights[1] * _over(pairs, given_one[:, None])
    values = others[b, c] + weights[2] * (counts / given_two)
    return Transitions(counted=(a, b, c), values=_log(values), others=_log(others))


def _tagged(transitions: Transitions, known: Words, words: list[str], starts: list[int]) -> Ints:
    """The likeliest tags of each sentence; the longest sentences first, several at once."""
    numbers = {word: number for number, word in enumerate(dict.fromkeys(words))}
    emissions = np.array([known.emission(word) for word in numbers])
    row = np.array([numbers[word] for word in words])
    lengths = np.diff(starts)
    order = np.argsort(-lengths, kind="stable")
    found = np.empty(len(words), np.int64)
    size = max(1, PAIRS // emissions.shape[1] ** 2)
    for first in range(0, len(order), size):
        own = order[first : first + size]
        places = [np.array(starts)[own[lengths[own] > k]] + k for k in range(int(lengths[own[0]]))]
        paths = _viterbi(transitions, [emissions[row[place]] for place in places])
        found[np.concatenate(places)] = np.concatenate(paths)
    return found


def _viterbi(transitions: Transitions, emissions: Sequence[Array]) -> list[Ints]:
    """The best paths over pairs of tags, all of them possible.

    Args:
        transitions: of T tags.
        emissions: of each place, (sentences that reach it, T); the longest sentences stand first.

    Returns:
        The tags at each place, (sentences that reach it,).
    """
    n_tags = emissions[0].shape[1]
    outside = np.array([n_tags])
    tags = [outside, outside]  # that a place can have, from the second one before the first on
    best = np.zeros((len(emissions[0]), 1, 1))
    reached = []
    for place in emissions:
        tags.append(np.flatnonzero((place > -np.inf).any(0)))
        best = transitions.longer(best[: len(place)], *tags[-3:]) + place[:, None, tags[-1]]
        reached.append(best)
    found: list[Ints] = []
    at: Ints = np.empty(0, np.int64)  # of sentences that go on: a place in `own`
    after = at  # and the tag that follows
    for k in range(len(emissions) - 1, -1, -1):
        best, before, own = reached[k], tags[k + 1], tags[k + 2]
        whole = best[len(at) :] + transitions.at(before[:, None], own, outside)
        at = np.append(at, whole.max(1).argmax(1))
        after = np.append(after, np.full(len(whole), n_tags))
        found.append(own[at])
        steps = transitions.at(before, found[-1][:, None], after[:, None])
        at, after = (best[np.arange(len(best)), :, at] + steps).argmax(1), found[-1]
    return found[::-1]


def _summed(counts: Ints, numbers: Ints, n: int) -> Array:
    """The counts of each number below n."""
    return np.bincount(numbers, counts, n).astype(np.float64, copy=False)


def _over(counts: Array, of: Array) -> Array:
    """0 where nothing was counted."""
    return np.asarray(np.divide(counts, of, where=of > 0, out=np.zeros_like(counts)))


def _log(p: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(p))
