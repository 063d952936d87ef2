"""When a checkpoint is taken, and which ones are kept: the group `checkpoint`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from iterun.core.numbers import as_whole, is_whole
from iterun.errors import ConfigError, unknown_key

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

_LEAST = {"every": 1, "last": 1, "best": 0, "every_kept": 1}  # of whole numbers


@dataclass(frozen=True, kw_only=True)
class CheckpointSettings:
    """The node `checkpoint`."""

    every: int = 1  #: at most one in so many iterations
    share: float | None = 0.1  #: of the run's time, at most; null: always take it
    grace: float = 10.0  #: seconds an iteration may still take after a signal
    last: int | None = 2  #: keep so many of the newest; null: all
    best: int = 1  #: and so many with the best objective
    every_kept: int | None = None  #: and those of every m-th iteration

    @classmethod
    def of(cls, node: Mapping[str, Any]) -> CheckpointSettings:
        """The settings.

        Raises:
            ConfigError: a key that isn't one.
        """
        known = [field.name for field in fields(cls)]
        for key in node:
            if key not in known:
                raise unknown_key("checkpoint", key, known, "setting")
        return cls(**{key: as_whole(node[key]) if key in _LEAST else node[key] for key in node})

    def check(self) -> Iterator[ConfigError]:
        """Yield every fault."""
        for name, least in _LEAST.items():
            value = getattr(self, name)
            may_be_null = name in ("last", "every_kept")
            if not ((value is None and may_be_null) or (is_whole(value) and value >= least)):
                yield ConfigError(
                    f"checkpoint.{name}={value} is not a whole number of at least {least}",
                    hint=f"as in checkpoint.{name}={max(least, 1)}",
                )
        if self.share is not None and not (_is_number(self.share) and 0 < self.share <= 1):
            yield ConfigError(
                f"checkpoint.share={self.share} is not a share of the time in (0, 1]",
                hint="as in checkpoint.share=0.1; checkpoint.share=null takes every one",
            )
        if not (_is_number(self.grace) and self.grace >= 0):
            yield ConfigError(
                f"checkpoint.grace={self.grace} is not a time in seconds",
                hint="as in checkpoint.grace=10",
            )


class Schedule:
    """Keeps checkpoints under their share of this attempt's time.

    The next one is taken to cost what the last one did; the first is taken whatever it costs.
    """

    def __init__(self, settings: CheckpointSettings, started: float) -> None:
        self._settings = settings
        self._started = started
        self._spent = 0.0
        self._last_cost = 0.0
        self._last_end = started

    def is_due_inside(self, now: float) -> bool:
        """Whether to take one at a safe point: no oftener than a signal's grace is long."""
        if self._settings.share is None:
            return True
        return now - self._last_end >= self._settings.grace and self.fits(now)

    def note(self, began: float, ended: float) -> None:
        """A checkpoint was taken between these times."""
        self._last_cost = ended - began
        self._spent += self._last_cost
        self._last_end = ended

    def fits(self, now: float) -> bool:
        """Whether one more stays within the share."""
        share = self._settings.share
        if share is None:
            return True
        return self._spent + self._last_cost <= share * (now - self._started)


def kept(
    settings: CheckpointSettings, available: Collection[int], scores: Mapping[int, float]
) -> set[int]:
    """Which checkpoints stay: the newest n, the best k, every m-th.

    Args:
        settings: n, k and m.
        available: the iterations that have one.
        scores: smaller is better; iterations without a score are never best.
    """
    newest_first = sorted(available, reverse=True)
    stays = set(newest_first if settings.last is None else newest_first[: settings.last])
    ranked = sorted((i for i in available if i in scores), key=lambda i: (scores[i], i))
    stays.update(ranked[: settings.best])
    if settings.every_kept is not None:
        stays.update(i for i in available if i % settings.every_kept == 0)
    return stays


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
