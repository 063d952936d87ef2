"""MLflow: an experiment a system, a run a run, found again by the tag `iterun.id`.

Without an address it keeps to a sqlite file and a folder of artifacts below `place`. MLflow deletes
no value of a run: one that goes on is told what it has not been told yet.
Names that MLflow refuses are mapped, fd@4 to fd_at_4; the tag `iterun.name.fd_at_4` holds ours.
"""

from __future__ import annotations

import shlex
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from iterun.errors import ConfigError
from iterun.store import paths
from iterun.trackers.names import Names, identity, text
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
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from iterun.store.rows import Row
    from iterun.store.schema import Iteration

_REFUSED = r"[^\w.\- /]"
_MOST_METRICS, _MOST_OTHERS = 1000, 100  # of one call
_EVERY = "cost/seconds"  # a metric that every iteration has
_STATES = {
    "completed": "FINISHED", "failed": "FAILED", "diverged": "FAILED", "running": "RUNNING",
}  # fmt: skip


@dataclass(kw_only=True)
class Mlflow(Tracker):
    """A folder, or the address of a tracking server or database, as MLflow takes it."""

    experiment: str | None  #: its name there; None: the system's

    tool: ClassVar[str] = "mlflow"
    package: ClassVar[str] = "mlflow"
    takes_address: ClassVar[bool] = True

    def check(self) -> Iterator[ConfigError]:
        """No password in what is recorded."""
        yield from super().check()
        if "://" not in str(self.place):
            return
        try:
            password = urlsplit(str(self.place)).password
        except ValueError as error:
            yield ConfigError(
                f"the place of mlflow is no address: {error}",
                hint="as in http://localhost:5000 or sqlite:////data/mlflow.db",
            )
            return
        if password is not None:
            yield ConfigError(
                "the place of mlflow holds a password, which would be recorded and shown",
                hint="export MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD instead",
            )

    def environment(self) -> dict[str, str]:
        """No telemetry; a server that is gone is given up in seconds."""
        return {
            "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true",
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
        }  # fmt: skip

    def begin(self, run: Row) -> int:
        """Find the run by our id, or make it."""
        from mlflow import MlflowClient

        self._name = Names(_REFUSED)
        self._id = identity(run.id)
        self._artifacts = run.path / paths.ARTIFACTS
        with self._alone():
            self._client = MlflowClient(tracking_uri=self._address)
            experiment = self._experiment(text(self.experiment or run.system, 250))
        query = f"tags.`iterun.id` = '{self._id}'"
        for found in self._client.search_runs([experiment], query, max_results=1):
            self._run = found.info.run_id
            self._client.update_run(self._run, status="RUNNING")
            self._tell_settings(run, known=found.data.params)
            told = self._client.get_metric_history(self._run, _EVERY)
            return max((metric.step for metric in told), default=NOTHING_YET)
        name, began = text(run.path.name, 250), int(run.stamp * 1000)
        tags = {"iterun.id": self._id, "mlflow.source.type": "LOCAL"}
        made = self._client.create_run(experiment, start_time=began, tags=tags, run_name=name)
        self._run = made.info.run_id
        self._tell_settings(run, known={})
        return NOTHING_YET

    def iterations(self, lines: Sequence[Iteration]) -> None:
        """Metrics with the recorded times."""
        from mlflow.entities import Metric

        tags: dict[str, str] = {}
        waiting: list[Metric] = []
        for line in lines:
            tags |= {
                f"iterun.{name.replace('/', '.', 1)}": word for name, word in labels(line).items()
            }
            when = int(line.time * 1000)
            found = [Metric(self._name(k), v, when, line.i) for k, v in numbers(line).items()]
            if (
                len(waiting) + len(found) > _MOST_METRICS
            ):  # an iteration is in one call: all or none
                self._log(waiting, {})
                waiting = []
            waiting += found
        self._log(waiting, tags)

    def picture(self, name: str, i: int | None, path: Path) -> None:
        """Among the run's artifacts, as in our directory."""
        folder = path.parent.relative_to(self._artifacts).as_posix()
        self._client.log_artifact(self._run, str(path), None if folder == "." else folder)

    def end(self, run: Row) -> None:
        """Results as metrics; the state as MLflow knows it, and ours as tags."""
        from mlflow.entities import Metric

        when = ended_at(run)
        step = run.iterations or 0
        found = [Metric(self._name(k), v, int(when * 1000), step) for k, v in results(run).items()]
        tags = {f"iterun.{name}": word for name, word in ended(run).items()}
        tags |= {f"iterun.name.{theirs}": ours for theirs, ours in self._name.changed().items()}
        self._log(found, tags)
        status = _STATES.get(run.state, "KILLED")
        self._client.set_terminated(self._run, status=status, end_time=int(when * 1000))

    def look(self) -> str:
        """How to look at it."""
        return f"mlflow ui --backend-store-uri {shlex.quote(self._address)}"

    @property
    def _address(self) -> str:
        place = str(self.place)
        return place if "://" in place else f"sqlite:///{place}/mlflow.db"

    def _alone(self) -> AbstractContextManager[object]:
        """One at a time makes the tables of a new database, and a system's experiment."""
        if "://" in str(self.place):
            return nullcontext()
        from filelock import FileLock

        Path(str(self.place)).mkdir(parents=True, exist_ok=True)
        return FileLock(Path(str(self.place), ".lock"))

    def _experiment(self, name: str) -> str:
        known = self._client.get_experiment_by_name(name)
        if known is not None:
            return str(known.experiment_id)
        place = str(self.place)
        artifacts = None if "://" in place else Path(place, "artifacts").as_uri()
        return str(self._client.create_experiment(name, artifact_location=artifacts))

    def _tell_settings(self, run: Row, known: dict[str, str]) -> None:
        """Parameters, which MLflow lets nobody change, and tags."""
        from mlflow.entities import Param

        params = {self._name(name): str(v) for name, v in plain(run.parameters).items()}
        missing = [Param(name, word) for name, word in params.items() if name not in known]
        for start in range(0, len(missing), _MOST_OTHERS):
            self._client.log_batch(self._run, params=missing[start : start + _MOST_OTHERS])
        said = {"tags": "", "note": "", **about(run)}  # what was taken away since is empty
        tags = {f"iterun.{name}": word for name, word in said.items() if name != "id"}
        tags["mlflow.note.content"] = said["note"]
        self._log([], tags)

    def _log(self, metrics: list[Any], tags: dict[str, str]) -> None:
        from mlflow.entities import RunTag

        made = [RunTag(self._name(name), word) for name, word in tags.items()]
        for start in range(0, len(metrics), _MOST_METRICS):
            self._client.log_batch(self._run, metrics=metrics[start : start + _MOST_METRICS])
        for start in range(0, len(made), _MOST_OTHERS):
            self._client.log_batch(self._run, tags=made[start : start + _MOST_OTHERS])
