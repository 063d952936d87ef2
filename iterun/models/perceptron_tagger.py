"""The averaged perceptron as a greedy tagger, from left to right.

Its features are those of the window (tag_windows.py), the last tag and the last two. A wrong tag
takes 1 from its weights and gives 1 to those of the right one; what tags the test set is the mean
of the weights over all words seen in training.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import count, pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from iterun.models.nested import NestedText, Tokens

    Ints = NDArray[np.int64]
    Weights = NDArray[np.float64]
    Pairs = defaultdict[tuple[int, int], int]

EPOCHS = 5
FEW = 256  # pairs of tags that there is room for at first


def perceptron(data: NestedText, k: int, seed: int) -> Ints:
    """Tags of the test set after training on level k.

    Args:
        data: nested text.
        k: level, from 0.
        seed: of the order of sentences in each epoch.
    """
    train, test = data.windows
    n_tags, n_known = len(data.tag_names), train.n_features(data.sizes[k])
    weights, pairs = _trained(train.ids, n_known, data.train, data.ends[k], n_tags, seed)
    scores = np.zeros((len(test.ids), n_tags))
    for slot in test.ids.T:
        known = np.flatnonzero(slot < n_known)  # what the level has not seen has no weight
        scores[known] += weights[slot[known]]
    return _tagged(scores, weights, n_known, pairs, data.held_out.starts)


def _trained(
    ids: Ints, n_known: int, text: Tokens, n_sentences: int, n_tags: int, seed: int
) -> tuple[Weights, Pairs]:
    """Averaged weights (features, tags): of windows, of a last tag, of two last tags as they came.

    Of hundreds of tags most pairs never come, and all of them would not fit into memory.
    """
    first = n_known + n_tags + 1  # "outside" is a last tag too
    pairs: Pairs = defaultdict(count(first).__next__)
    weights = np.zeros((first + FEW, n_tags))
    late = np.zeros_like(weights)  # updates by when they came
    n = text.starts[n_sentences]
    features = np.empty((n, ids.shape[1] + 2), np.int64)
    features[:, :-2] = ids[:n]
    tags, starts = text.tags[:n].tolist(), text.starts
    draw = np.random.default_rng(seed)
    take, add, seen = weights.take, np.add.reduce, 0
    for _ in range(EPOCHS):
        for s in draw.permutation(n_sentences).tolist():
            last = before = n_tags
            for i in range(starts[s], starts[s + 1]):
                row = features[i]
                row[-2] = n_known + last
                row[-1] = pair = pairs[before, last]
                if pair == len(weights):
                    weights, late = _longer(weights, first), _longer(late, first)
                    take = weights.take
                guess, gold = int(add(take(row, 0), 0).argmax()), tags[i]
                if guess != gold:
                    weights[row, gold] += 1
                    weights[row, guess] -= 1
                    late[row, gold] += seen
                    late[row, guess] -= seen
                seen += 1
                before, last = last, guess
    late /= seen
    weights -= late
    return weights, pairs


def _longer(rows: Weights, first: int) -> Weights:
    """With twice as many rows from the first one of a pair on."""
    return np.concatenate([rows, np.zeros((len(rows) - first, rows.shape[1]))])


def _tagged(
    scores: Weights, weights: Weights, n_known: int, pairs: Pairs, starts: list[int]
) -> Ints:
    """The best tag of each word, given those before it.

    Args:
        scores: of the window, (words, tags).
        weights: as trained.
        n_known: features of windows in them.
        pairs: numbers of the features of two last tags, (before, last).
        starts: of each sentence; and the end.
    """
    n_tags = scores.shape[1]
    past: dict[tuple[int, int], Weights] = {}  # of the last tag and of the last two
    found = np.empty(len(scores), np.int64)
    for start, end in pairwise(starts):
        last = before = n_tags
        for i in range(start, end):
            pair = before, last
            if pair not in past:
                past[pair] = weights[n_known + last]
                if pair in pairs:
                    past[pair] = past[pair] + weights[pairs[pair]]
            best = int((scores[i] + past[pair]).argmax())
            found[i] = best
            before, last = last, best
    return found
