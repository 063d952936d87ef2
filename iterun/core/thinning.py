"""Which checkpoints of a run that ended its own settings would not keep, or others would not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterun.core.fork import point
from iterun.core.numbers import is_finite
from iterun.core.retention import CheckpointSettings, kept
from iterun.errors import ConfigError, raise_all, unknown_key
from iterun.store import checkpoint
from iterun.store.schema import COMPLETED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iterun.store.reader import RunView

_KEEPING = ("last", "best", "every_kept")  #: keys of the group that say what is kept


def parse(words: Sequence[str]) -> dict[str, Any]:
    """Settings from a line, as in checkpoint.last=1.

    Raises:
        ConfigError: a key that keeps nothing, or a value that can't be; several as one.
    """
    found: dict[str, Any] = {}
    for word in words:
        key, _, value = word.removeprefix("checkpoint.").partition("=")
        if key not in _KEEPING:
            raise unknown_key("checkpoint", key, _KEEPING, "setting of what is kept")
        whole = value.removeprefix("-").isascii() and value.removeprefix("-").isdigit()
        found[key] = None if value == "null" else int(value[:18]) if whole else value
    raise_all(CheckpointSettings(**found).check())
    return found


def superfluous(view: RunView, changes: Mapping[str, Any]) -> set[int]:
    """The checkpoints of a run that may go.

    Of a run that may still be resumed the newest stays, and the newest between two iterations.

    Args:
        view: a run that does not go on just now.
        changes: settings instead of the run's own.

    Raises:
        StoreError: the record or the newest checkpoint can't be read: all stay.
        ConfigError: the run's own settings are none.
    """
    available = set(checkpoint.available(view.directory))
    if len(available) < 2:
        return set()
    settings = _settings(view, changes)
    stays = point(view.record)
    if view.status.state != COMPLETED:
        newest = max(available)
        stays.add(newest)
        if checkpoint.entry(view.directory, newest, "inner") is not None:
            available.discard(newest)  # one inside an iteration is not counted, as in the run
    scores = _scores(view) if settings.best and settings.last is not None else {}
    return available - kept(settings, available, scores) - stays


def _settings(view: RunView, changes: Mapping[str, Any]) -> CheckpointSettings:
    node = view.config.get("checkpoint") or {}
    if not isinstance(node, dict):
        raise ConfigError("the node `checkpoint` holds no settings", hint="see config.json")
    settings = CheckpointSettings.of({**node, **changes})
    raise_all(settings.check())
    return settings


def _scores(view: RunView) -> dict[int, float]:
    """The objective's value of each iteration, smaller is better."""
    objective = view.record.objective or {}
    sign = -1 if objective.get("goal") == "max" else 1
    metric = str(objective.get("metric"))
    return {
        line.i: sign * line.metrics[metric]
        for line in view.iterations()
        if line.i > 0 and metric in line.metrics and is_finite(line.metrics[metric])
    }
