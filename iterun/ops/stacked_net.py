"""Small nets trained side by side, one for each of S seeds: layers, softmax loss, SGD and Adam.

    h_0 = x;  h_l = relu(h_{l-1} W_l + b_l);  logits = h_{L-1} W_L + b_L
    loss = -log softmax(logits)[y], nats, averaged over the batch

No layer but the last: softmax regression. All parameters of a seed are one row of a float64 array,
(S, P), of which W_l, (S, in, out), and b_l, (S, 1, out), are views: optimizers and norms take rows.
A seed's numbers do not depend on those of the others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Values = NDArray[np.float64]
    Classes = NDArray[np.int64]

BETAS, EPS = (0.9, 0.999), 1e-8  # of Adam (arXiv 1412.6980)


class Layer(NamedTuple):
    """Views of one layer."""

    w: Values  # (S, in, out)
    b: Values  # (S, 1, out)


class StackedNet:
    """S nets of one shape.

    Args:
        widths: inputs, hidden units by layer, classes.
        rows: parameters, (S, P); changed in place by who trains.
    """

    def __init__(self, widths: Sequence[int], rows: Values) -> None:
        self.rows = rows
        self.gradient = np.zeros_like(rows)
        self._layers = _views(widths, rows)
        self._slopes = _views(widths, self.gradient)

    def loss(self, x: Values, y: Classes) -> Values:
        """Mean over the samples, (S,).

        Args:
            x: (n, in), or (S, n, in).
            y: (S, n).
        """
        return np.asarray(-_at(_log_softmax(self._forward(x)[-1]), y).mean(-1))

    def differentiate(self, x: Values, y: Classes) -> None:
        """Fill `gradient` with that of the mean loss over a batch.

        Args:
            x: (S, n, in).
            y: (S, n).
        """
        inputs = self._forward(x)
        delta = np.exp(_log_softmax(inputs.pop()))
        np.put_along_axis(delta, y[..., None], _at(delta, y)[..., None] - 1, -1)
        delta /= y.shape[-1]
        for n in reversed(range(len(self._layers))):
            h, slope = inputs[n], self._slopes[n]
            slope.w[...] = h.swapaxes(-1, -2) @ delta
            slope.b[...] = delta.sum(-2, keepdims=True)
            if n:  # h is a relu's output: it is 0 where nothing passes
                delta = (delta @ self._layers[n].w.swapaxes(-1, -2)) * (h > 0)

    def _forward(self, x: Values) -> list[Values]:
        """The input of each layer, then the logits."""
        found = [x]
        for n, (w, b) in enumerate(self._layers):
            z = found[-1] @ w + b
            found.append(z if n == len(self._layers) - 1 else np.maximum(z, 0))
        return found


@dataclass
class Optimizer:
    """SGD, or Adam with its usual constants, on rows of parameters."""

    kind: Literal["sgd", "adam"]
    step: int = 0
    first: Values | float = field(default=0.0)  #: moments of the gradient, (S, P)
    second: Values | float = field(default=0.0)

    def update(self, rows: Values, gradient: Values, lr: float) -> None:
        """One step, in place."""
        if self.kind == "sgd":
            rows -= lr * gradient
            return
        self.step += 1
        b1, b2 = BETAS
        self.first = b1 * self.first + (1 - b1) * gradient
        self.second = b2 * self.second + (1 - b2) * gradient**2
        scale = np.sqrt(self.second / (1 - b2**self.step)) + EPS
        rows -= lr / (1 - b1**self.step) * self.first / scale


def n_parameters(widths: Sequence[int]) -> int:
    """P of a net of these widths."""
    return sum(n * m + m for n, m in pairwise(widths))


def drawn(
    widths: Sequence[int], generators: Sequence[np.random.Generator], scale: float | None
) -> Values:
    """Parameters of a net for each generator, (S, P).

    Args:
        widths: of the nets.
        generators: one for each seed.
        scale: standard deviation of all weights and biases; None: weights sqrt(2 / in) (He,
            arXiv 1502.01852), biases 0.
    """
    rows = np.empty((len(generators), n_parameters(widths)))
    for row, generator in zip(rows, generators, strict=True):
        row[:] = generator.standard_normal(len(row))
        if scale is not None:
            row *= scale
            continue
        for w, b in _views(widths, row[None]):
            w *= np.sqrt(2 / w.shape[1])
            b[...] = 0
    return rows


def _views(widths: Sequence[int], rows: Values) -> list[Layer]:
    found, at = [], 0
    for n, m in pairwise(widths):
        w = rows[:, at : at + n * m].reshape(-1, n, m)
        b = rows[:, at + n * m : at + n * m + m].reshape(-1, 1, m)
        found.append(Layer(w, b))
        at += n * m + m
    return found


def _log_softmax(logits: Values) -> Values:
    shifted = logits - logits.max(-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(-1, keepdims=True)))


def _at(values: Values, y: Classes) -> Values:
    """(S, n): of (S, n, classes), what stands at class y."""
    return np.take_along_axis(values, y[..., None], -1)[..., 0]
