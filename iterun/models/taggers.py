"""Learners by name: what is trained on a level of nested data and tags the test set.

mft          the commonest tag of a word; of a word never seen, the commonest of all
hmm          trigrams (hidden_markov_tagger.py)
perceptron   averaged, greedy (perceptron_tagger.py)
logistic     one logistic regression a tag on the window of a word, without tags
sklearn:X    a classifier X of scikit-learn on that window, or on pixels

A classifier takes no arguments, and of windows one that learns from sparse rows (`check_text`).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from iterun.data.hub import first_line
from iterun.errors import ConfigError, IterunError, nearest
from iterun.models.hidden_markov_tagger import hmm
from iterun.models.perceptron_tagger import perceptron

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from iterun.models.nested import Nested, NestedText


SKLEARN = "sklearn:"
TRIED = 20  # rows: those that validate by parts want five of a class
ON_WINDOWS = f"{SKLEARN}LogisticRegression or {SKLEARN}MultinomialNB"  # what learns there


class Told(NamedTuple):
    """What a learner says of the test set."""

    classes: NDArray[np.int64]
    warnings: tuple[str, ...] = ()  #: of the library that trained it


#: what scikit-learn raises where data, or a class as it is made, don't suit a classifier
REFUSALS = (TypeError, ValueError, IndexError)
Learner = Callable[[Any, int, int], Told]  # (nested data, level from 0, seed of its draws)


def most_frequent_tag(data: NestedText, k: int, seed: int) -> Told:
    """Tags by counting; ties go to the first tag in the alphabet."""
    n = data.sizes[k]
    counts: dict[str, NDArray[np.int64]] = {}
    for word, tag in zip(data.train.words[:n], data.train.tags[:n], strict=True):
        counts.setdefault(word, np.zeros(len(data.tag_names), np.int64))[tag] += 1
    best = {word: int(own.argmax()) for word, own in counts.items()}
    commonest = int(np.bincount(data.train.tags[:n]).argmax())
    return Told(np.array([best.get(word, commonest) for word in data.held_out.words], np.int64))


def averaged_perceptron(data: NestedText, k: int, seed: int) -> Told:
    """Five epochs of the perceptron."""
    return Told(perceptron(data, k, seed))


def hidden_markov(data: NestedText, k: int, seed: int) -> Told:
    """Trigrams of tags."""
    return Told(hmm(data, k))


def logistic(data: Nested, k: int, seed: int) -> Told:
    """Ten epochs of stochastic gradients, averaged."""
    from sklearn.linear_model import SGDClassifier

    make = partial(SGDClassifier, loss="log_loss", alpha=1e-5, max_iter=10, tol=None, average=True)
    return fitted(make, data, k, seed)


def fitted(make: Callable[..., Any], data: Nested, k: int, seed: int) -> Told:
    """A classifier of scikit-learn; what it warns of is handed on.

    Raises:
        IterunError: it makes nothing of this level, as with too few of a class to validate by.
    """
    estimator = _seeded(make(), seed)
    x, classes = data.training(k)
    if len(np.unique(classes)) == 1:  # most refuse to learn one class, which needs no learning
        return Told(np.full(len(data.test_classes), classes[0]))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = estimator.fit(x, classes).predict(data.test(k))
        except REFUSALS as error:
            raise IterunError(
                f"{SKLEARN}{type(estimator).__name__} makes nothing of level {k + 1}, "
                f"size {data.sizes[k]}: {first_line(error)}",
                hint="another learner, or a larger task.kernel",
            ) from error
    said = dict.fromkeys(str(one.message).partition("\n")[0] for one in caught)
    return Told(np.asarray(found, np.int64), tuple(said))


#: what learns from tagged words only
TAGGERS: dict[str, Learner] = {
    "mft": most_frequent_tag,
    "hmm": hidden_markov,
    "perceptron": averaged_perceptron,
}
LEARNERS: dict[str, Learner] = {**TAGGERS, "logistic": logistic}


def learner(name: str, setting: str) -> Learner:
    """The learner of that name.

    Args:
        name: as in the module's list.
        setting: where it was typed, "task.learner".

    Raises:
        ConfigError: there is none, or its class takes arguments.
    """
    if name in LEARNERS:
        return LEARNERS[name]
    if name.startswith(SKLEARN):
        return partial(fitted, _classifier(name.removeprefix(SKLEARN), setting))
    near = nearest(name, LEARNERS) or list(LEARNERS)
    raise ConfigError(
        f"{setting}: {name} is no learner",
        hint=f"{', '.join(near)}, or a classifier of scikit-learn as in {ON_WINDOWS}",
    )


def check_text(name: str, setting: str) -> None:
    """Try a classifier of scikit-learn on a few sparse rows, as windows of words are.

    Args:
        name: of a learner.
        setting: where it was typed.

    Raises:
        ConfigError: it learns from dense rows only.
    """
    if not name.startswith(SKLEARN):
        return
    from scipy.sparse import csr_matrix

    estimator = _seeded(_classifier(name.removeprefix(SKLEARN), setting)(), 0)
    classes = np.arange(TRIED) % 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the rows are few
        try:
            estimator.fit(csr_matrix(np.eye(2)[classes]), classes)
        except REFUSALS as error:
            why = first_line(error).partition(". ")[0]
            raise ConfigError(
                f"{setting}: {name} does not learn tagged words, which are sparse rows: {why}",
                hint=f"one that does, as in {ON_WINDOWS}",
            ) from error


def _seeded(estimator: Any, seed: int) -> Any:
    if "random_state" in estimator.get_params():
        estimator.set_params(random_state=seed % 2**32)
    return estimator


def _classifier(name: str, setting: str) -> Any:
    from sklearn.utils import all_estimators

    known = dict(all_estimators(type_filter="classifier"))
    if name not in known:
        near = " or ".join(SKLEARN + other for other in nearest(name, known))
        raise ConfigError(
            f"{setting}: scikit-learn has no classifier {name}", hint=f"as in {near or ON_WINDOWS}"
        )
    try:
        known[name]()
    except TypeError as error:
        raise ConfigError(
            f"{setting}: {SKLEARN}{name} is not made without arguments: {first_line(error)}",
            hint=f"one that is, as in {ON_WINDOWS}",
        ) from error
    return known[name]
