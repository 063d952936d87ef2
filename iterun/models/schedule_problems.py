"""What a schedule is judged by: a training from fresh weights, for each of some seeds.

    digits_noisy  softmax regression on 8x8 digits, pixels x 4, a fifth of the training labels drawn
                  anew: convex, and gradients do not vanish
    digits_mlp    64-64-64-10 with relu on the digits as they are: its gradients collapse
    libsvm        softmax regression on a set of the user's own

A seed's weights, noise and batches are the same for all schedules and rates. These three compute
on the CPU in float64, their seeds side by side; `module_problems` has those of torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from iterun.data.libsvm import LabeledTable
from iterun.errors import ConfigError
from iterun.ops.stacked_net import Optimizer, StackedNet, drawn
from iterun.types import ImageDataset, TextDataset

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from iterun.models.module_problems import Draw
    from iterun.ops.lr_schedule import Values

#: of each problem that reads data=: its protocol, what it holds, and what to type
KINDS: dict[str, tuple[type, str, str]] = {
    "libsvm": (LabeledTable, "rows of features with labels", "data=libsvm data.path=FILE"),
    "text": (TextDataset, "text", "data=pydoc"),
    "pictures": (ImageDataset, "pictures", "data=digits"),
}
NOISE = 0.2  # share of the training labels that is drawn anew
SCALE = 4  # of digits_noisy's pixels, which are from 0 to 1
HIDDEN = (64, 64)
CHUNK = 4_000_000  # numbers of features looked at at once when a loss is measured


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One training."""

    multipliers: Values  #: of the rate at each step, (T,)
    lr: float  #: peak rate
    optimizer: Any  #: "sgd" or "adam"
    batch: int  #: samples a step


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What came of it, for each of S seeds."""

    train_loss: Values  #: of the last weights on the training split, nats, (S,)
    test_loss: Values
    l2: Values  #: norm of each step's gradient, (T, S)
    l1: Values

    @staticmethod
    def joined(parts: Sequence[Trained]) -> Trained:
        """Several seeds' together."""
        names = ("train_loss", "test_loss", "l2", "l1")
        return Trained(**{k: np.concatenate([getattr(p, k) for p in parts], -1) for k in names})


class Problem(Protocol):
    """Trains afresh whenever it is asked."""

    @property
    def parts(self) -> Sequence[Sequence[int]]:
        """Seeds, grouped as they are trained together."""

    @property
    def n_parameters(self) -> int:
        """Of what is trained."""

    def train(self, seeds: Sequence[int], asked: Asked, shown: Shown) -> Trained:
        """A training for each of the seeds, one of `parts`."""


Shown = Callable[[Iterable[int], str], Iterator[int]]  # run.progress


class StackedProblem:
    """A small net on rows of features.

    Args:
        train, test: features, dense (n, features) or scipy's csr; and classes (n,).
        widths: of the net.
        seeds: of the repetitions.
        draw: a generator by name and key: `run.numpy`.
        scale: of the first weights; None: He's.
        noise: share of the training labels that is drawn anew.
    """

    def __init__(
        self,
        train: tuple[Any, NDArray[np.int64]],
        test: tuple[Any, NDArray[np.int64]],
        *,
        widths: Sequence[int],
        seeds: Sequence[int],
        draw: Callable[..., np.random.Generator],
        scale: float | None,
        noise: float = 0.0,
    ) -> None:
        self._x, self._test = train[0], test
        self._widths, self._draw, self._scale = widths, draw, scale
        self._y = {seed: _noisy(train[1], noise, widths[-1], draw("noise", seed)) for seed in seeds}
        self.parts = [list(seeds)]
        self.n_parameters = sum((n + 1) * m for n, m in pairwise(widths))

    def train(self, seeds: Sequence[int], asked: Asked, shown: Shown) -> Trained:
        """See `Problem`; a rate that is too large gives losses that are not finite."""
        y = np.stack([self._y[seed] for seed in seeds])
        n, n_steps = y.shape[1], len(asked.multipliers)
        batches = np.stack(
            [self._draw("batches", s).integers(n, size=(n_steps, asked.batch)) for s in seeds]
        )
        start = drawn(self._widths, [self._draw("weights", s) for s in seeds], self._scale)
        net, optimizer = StackedNet(self._widths, start), Optimizer(asked.optimizer)
        l2, l1 = np.empty((n_steps, len(seeds))), np.empty((n_steps, len(seeds)))
        with np.errstate(all="ignore"):
            for t in shown(range(n_steps), "training"):
                at = batches[:, t]
                net.differentiate(_dense(self._x, at), np.take_along_axis(y, at, 1))
                slope = net.gradient
                l2[t] = np.sqrt(np.einsum("sp,sp->s", slope, slope))
                l1[t] = np.abs(slope).sum(1)
                optimizer.update(net.rows, slope, asked.lr * asked.multipliers[t])
            test_y = np.broadcast_to(self._test[1], (len(seeds), len(self._test[1])))
            return Trained(
                train_loss=_mean_loss(net, self._x, y),
                test_loss=_mean_loss(net, self._test[0], test_y),
                l2=l2,
                l1=l1,
            )


def digits(
    name: str, *, seeds: Sequence[int], draw: Callable[..., np.random.Generator], init_scale: float
) -> StackedProblem:
    """digits_noisy or digits_mlp: 1,258 digits to train on, 539 to test with."""
    from sklearn.datasets import load_digits

    from iterun.data.digits import TEST_SHARE, apart

    found = load_digits()
    x, y = found.data / 16, found.target.astype(np.int64)
    is_noisy = name == "digits_noisy"
    if is_noisy:
        x = x * SCALE
    train, test = ((x[part], y[part]) for part in apart(y, TEST_SHARE))
    return StackedProblem(
        train,
        test,
        widths=[64, *(() if is_noisy else HIDDEN), 10],
        seeds=seeds,
        draw=draw,
        scale=init_scale if is_noisy else None,
        noise=NOISE if is_noisy else 0.0,
    )


def libsvm(
    table: LabeledTable, *, seeds: Sequence[int], draw: Callable[..., np.random.Generator],
    init_scale: float,
) -> StackedProblem:  # fmt: skip
    """Softmax regression on a set of the user's own."""
    dense = table.train.x.shape[0] * table.n_features <= CHUNK
    train, test = (
        (part.x.toarray() if dense else part.x, part.y) for part in (table.train, table.test)
    )
    return StackedProblem(
        train,
        test,
        widths=[table.n_features, table.n_classes],
        seeds=seeds,
        draw=draw,
        scale=init_scale,
    )


def made(
    name: str, handed: Mapping[str, Callable[[], Any]], *, seeds: Sequence[int], draw: Draw,
    init_scale: float, device: Any,
) -> Problem:  # fmt: skip
    """The problem of that name.

    Args:
        name: as task.problem.
        handed: what builds the run's "data" and its "model"; asked if needed.
        seeds: of the repetitions.
        draw: generators by name and key, of numpy and of torch.
        init_scale: standard deviation of a linear model's first weights.
        device: of torch's problems.

    Raises:
        ConfigError: the data are of another kind.
    """
    if name.startswith("digits"):
        return digits(name, seeds=seeds, draw=draw.numpy, init_scale=init_scale)
    data = _of_kind(name, handed["data"]())  # before a model is built
    if name == "libsvm":
        return libsvm(data, seeds=seeds, draw=draw.numpy, init_scale=init_scale)
    from iterun.models import module_problems

    build = module_problems.text if name == "text" else module_problems.pictures
    return build(handed["model"](), data, seeds=seeds, draw=draw, device=device)


def _of_kind(name: str, data: Any) -> Any:
    kind, what, hint = KINDS[name]
    if not isinstance(data, kind):
        raise ConfigError(
            f"data={data.name} does not hold {what}, which task.problem={name} is trained on",
            hint=f"as in {hint}",
        )
    return data


def _noisy(
    y: NDArray[np.int64], share: float, n_classes: int, draw: np.random.Generator
) -> NDArray[np.int64]:
    """The labels, each drawn anew from all classes with probability `share`."""
    anew = draw.random(len(y)) < share
    return np.where(anew, draw.integers(n_classes, size=len(y)), y)


def _dense(x: Any, at: NDArray[np.int64]) -> Values:
    """Rows of features, as `at` is shaped: (S, batch, features)."""
    if isinstance(x, np.ndarray):
        return np.asarray(x[at])
    return np.asarray(x[at.ravel()].toarray()).reshape(*at.shape, -1)


def _mean_loss(net: StackedNet, x: Any, y: NDArray[np.int64]) -> Values:
    """Over all samples, (S,): so many at once as memory has room for."""
    n, width = x.shape
    size = max(1, CHUNK // width)
    total = np.zeros(len(y))
    for first in range(0, n, size):
        part = x[first : first + size]
        rows = part if isinstance(part, np.ndarray) else part.toarray()
        total += net.loss(rows, y[:, first : first + size]) * len(rows)
    return np.asarray(total / n)
