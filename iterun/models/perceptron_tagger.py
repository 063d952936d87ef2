"""The averaged perceptron as a greedy tagger, from left to right.

Its features are those of the window (tag_windows.py), the last tag and the last two. A wrong tag
takes 1 from its weights and gives 1 to those of the right one; what tags the test set is the mean
of the weights over all words seen in training.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from iterun.models.nested import NestedText, Tokens

EPOCHS = 5


def perceptron(data: NestedText, k: int, seed: int) -> NDArray[np.int64]:
    """Tags of the test set after training on level k.

    Args:
        data: nested text.
        k: level, from 0.
        seed: of the order of sentences in each epoch.
    """
    train, test = data.windows
    n_tags, n_known = len(data.tag_names), train.n_features(data.sizes[k])
    weights = _trained(train.ids, n_known, data.train, data.ends[k], n_tags, seed)
    # What the level has not seen has no weight.
    scores = np.where((test.ids < n_known)[:, :, None], weights[test.ids.clip(max=n_known - 1)], 0)
    return _tagged(scores.sum(1), weights[n_known:], data.held_out.starts)


def _trained(
    ids: NDArray[np.int64], n_known: int, text: Tokens, n_sentences: int, n_tags: int, seed: int
) -> NDArray[np.float64]:
    """Averaged weights (features, tags): of windows, of a last tag, of two last tags."""
    width = n_tags + 1  # "outside" is a last tag too
    weights = np.zeros((n_known + width + width**2, n_tags))
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
                row[-1] = n_known + width + before * width + last
                guess, gold = int(add(take(row, 0), 0).argmax()), tags[i]
                if guess != gold:
                    weights[row, gold] += 1
                    weights[row, guess] -= 1
                    late[row, gold] += seen
                    late[row, guess] -= seen
                seen += 1
                before, last = last, guess
    return np.asarray(weights - late / seen)


def _tagged(
    scores: NDArray[np.float64], of_tags: NDArray[np.float64], starts: list[int]
) -> NDArray[np.int64]:
    """The best tag of each word, given those before it.

    Args:
        scores: of the window, (words, tags).
        of_tags: weights of a last tag, then of two last tags.
        starts: of each sentence; and the end.
    """
    n_tags = scores.shape[1]
    width = n_tags + 1
    # One table (before, last, tag) for both.
    past = of_tags[None, :width] + of_tags[width:].reshape(width, width, n_tags)
    found = np.empty(len(scores), np.int64)
    for start, end in pairwise(starts):
        last = before = n_tags
        for i in range(start, end):
            best = int((scores[i] + past[before, last]).argmax())
            found[i] = best
            before, last = last, best
    return found
