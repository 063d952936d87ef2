"""Trackio: one sqlite file a project, below `place`; a run that goes on is written anew.

trackio's own `log` gathers in memory and loses that when it is killed. Its storage is written
directly, in whole batches with the recorded times; no server is started.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from iterun.errors import StoreError
from iterun.trackers.names import identity, text
from iterun.trackers.tracker import (
    NOTHING_YET,
    Tracker,
    about,
    ended,
    ended_at,
    labels,
    numbers,
    plain,
    results,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterun.store.rows import Row
    from iterun.store.schema import Iteration

_FOLDER = "TRACKIO_DIR"
_RESERVED = frozenset({"project", "run", "timestamp", "step", "time", "metrics"})


@dataclass(kw_only=True)
class Trackio(Tracker):
    """A project; `place` is what trackio calls TRACKIO_DIR, fixed when it is imported."""

    project: str

    tool: ClassVar[str] = "trackio"
    package: ClassVar[str] = "trackio"

    def environment(self) -> dict[str, str]:
        """Where it keeps its files, and no telemetry of the hub's client."""
        return {_FOLDER: str(self.place), "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}

    def begin(self, run: Row) -> int:
        """Take the run's older rows out, if there are any."""
        Path(str(self.place)).mkdir(parents=True, exist_ok=True)
        from trackio.sqlite_storage import SQLiteStorage
        from trackio.utils import TRACKIO_DIR

        if Path(TRACKIO_DIR) != Path(str(self.place)):
            raise StoreError(
                f"trackio writes to {TRACKIO_DIR} in this process, not to {self.place}",
                hint=f"unset {_FOLDER}",
            )
        self._storage = SQLiteStorage
        self._id, self._run = identity(run.id), text(run.path.name, 200)
        self._config = {**plain(run.parameters), "iterun": about(run)}
        SQLiteStorage.init_db(self.project)
        SQLiteStorage.delete_run(self.project, self._run, run_id=self._id)
        return NOTHING_YET

    def iterations(self, lines: Sequence[Iteration]) -> None:
        """One transaction for all of them; labels as texts."""
        rows = [{**numbers(line), **labels(line)} for line in lines]
        self._log(rows, [line.i for line in lines], [line.time for line in lines])

    def end(self, run: Row) -> None:
        """Results as values of the last step; the state into the config."""
        self._config["iterun"] = {**about(run), **ended(run)}
        self._log([results(run)], [run.iterations or 0], [ended_at(run)])

    def look(self) -> str:
        """How to look at it."""
        place, project = shlex.quote(str(self.place)), shlex.quote(self.project)
        return f"{_FOLDER}={place} trackio show --project {project}"

    def _log(self, rows: list[dict[str, Any]], steps: list[int], times: list[float]) -> None:
        self._storage.bulk_log(
            self.project,
            self._run,
            metrics_list=[{_name(k): value for k, value in row.items()} for row in rows],
            steps=steps,
            timestamps=[datetime.fromtimestamp(when, UTC).isoformat() for when in times],
            config=self._config,
            run_id=self._id,
        )


def _name(name: str) -> str:
    """A name that is none of trackio's own."""
    return f"{name}_" if name in _RESERVED or name.startswith("__") else name
