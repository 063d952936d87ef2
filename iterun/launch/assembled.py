"""A job for the runner out of a run's parts: the one place that knows which node is which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterun.core.job import Job
from iterun.launch.builders import builders

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from iterun.core.procedure import Procedure
    from iterun.launch.kept import Kept
    from iterun.store.schema import RunRecord
    from iterun.types import Placement


def assembled(
    procedure: Procedure,
    config: Mapping[str, Any],
    *,
    record: RunRecord,
    directory: Path,
    place: Placement,
    kept: Kept | None = None,
) -> Job:
    """A new run's job; what is otherwise is set on it.

    Args:
        procedure: built from `config["task"]`.
        config: plain and resolved, as it goes to config.json.
        record: goes to run.json.
        directory: the run directory.
        place: where to compute.
        kept: what jobs before this one left in this process.

    Raises:
        ConfigError: a `_target_` that may not or can't be called.
    """
    return Job(
        procedure=procedure,
        config=config,
        record=record,
        directory=directory,
        place=place,
        builders=builders(config, place, kept),
        stop=config["stop"] or {},
        checkpoint=config["checkpoint"] or {},
        objective=config["task"].get("objective"),
    )
