"""What a loop of curation asks of the models that consume their own samples.

An arm is one way to make the next training set. Models of all arms begin as the same p_0, fitted to
real data, and draw the same noise, so that arms differ by nothing but what they are trained on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import numpy as np
    import torch


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One way to go from p_t to p_{t+1}."""

    name: str  #: curated, mixed, uncurated or limit
    label: str  #: in pictures
    real_share: float  #: share of real data among what p_{t+1} is trained on, 1 / (1 + λ)
    K: float  #: samples in a group; 1 keeps all; infinity: the limit

    @property
    def suffix(self) -> str:
        """Of its metrics; the run's own arm has none."""
        return "" if self.name == "curated" else f"_{self.name}"


@dataclass(frozen=True, kw_only=True)
class Generation:
    """A model p_t and what was seen of it."""

    state: Mapping[str, Any]  #: the model, and what is kept of its samples
    metrics: Mapping[str, float]
    shown: Any  #: samples for pictures


class Population(Protocol):
    """Models of one kind, with the data and the reward that go with them."""

    def begin(self, arm: Arm) -> Generation:
        """p_0, curated for the arm."""

    def retrain(self, before: Mapping[str, Any], arm: Arm, i: int) -> Generation:
        """p_i out of the state of p_{i-1}.

        Raises:
            DivergedError: its numbers can't be used any more.
        """

    def pictures(self, shown: Mapping[str, Sequence[Any]]) -> Mapping[str, Any]:
        """Images by file name, of what was shown of each generation, by the arm's label."""


class Host(Protocol):
    """What populations need of a run."""

    def generator(self, name: str, *key: object) -> torch.Generator: ...
    def numpy(self, name: str, *key: object) -> np.random.Generator: ...
    def progress(self, items: Iterable[Any], label: str) -> Iterator[Any]: ...
    def cost(self, **numbers: float) -> None: ...
    def append(self, name: str, rows: Sequence[Any]) -> None: ...
