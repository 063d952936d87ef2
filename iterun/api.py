"""iterun from Python: `iterun.runs`, `iterun.open`, `iterun.run`.

    import iterun
    frame = iterun.runs("task=prune", "sparsity>0.5")       # a DataFrame, a line a run
    run = iterun.run("prune/perp", sparsity=0.6, seed=1)    # as `iterun task=prune/perp …` does it
    run.iterations()["ppl"].plot()

Nothing of it prints, reads `sys.argv` or needs the main thread. Runs of one process go one after
another, whatever the thread: they share torch's settings and Hydra's.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterun.errors import ConfigError, IterunError
from iterun.store import paths
from iterun.store.index import Index
from iterun.store.reader import RunView

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

    from pandas import DataFrame

    from iterun.core.job import Outcome
    from iterun.core.progress import Listener

    Folder = str | PathLike[str] | None

__all__ = ["Run", "RunFailed", "open", "run", "runs"]

_turn = threading.Lock()
_running: list[int] = []  #: the thread whose turn it is


class RunFailed(IterunError):  # noqa: N818  it is the run that failed
    """A run ended by an exception of its own; its directory stands."""

    def __init__(self, run: Run, error: str) -> None:
        super().__init__(f"run {run.id} failed: {error}", hint=f"its directory is {run.path}")
        self.run = run


class Run:
    """A run, read from its directory when something is asked for.

    Attributes are what the directory said when they were first looked at; `open` it anew, or
    `refresh`, to look again.
    """

    def __init__(self, directory: Path) -> None:
        self.path = Path(directory)
        self._view = RunView(self.path)
        self._view.record  # noqa: B018  # raises if it is none

    def refresh(self) -> Run:
        """Look again; the run itself."""
        self._view = RunView(self.path)
        return self

    @property
    def id(self) -> str:
        """Eight characters, as `iterun ls` shows it."""
        return self._view.id

    @property
    def system(self) -> str:
        """As "prune/perp"."""
        return self._view.system

    @property
    def state(self) -> str:
        """running, completed, interrupted, failed, diverged, or lost."""
        return self._view.state

    @property
    def reason(self) -> str | None:
        """The rule or signal that ended it."""
        return self._view.status.reason

    @property
    def seed(self) -> int:
        """Of all its generators."""
        return self._view.record.seed

    @property
    def config(self) -> dict[str, Any]:
        """The resolved config."""
        return self._view.config

    @property
    def parameters(self) -> dict[str, Any]:
        """The system's, resolved: what was null is what it became; without model, data, seed."""
        from iterun.analysis import facts

        return {one.name: one.value for one in facts.parameters(self._view)}

    @property
    def metrics(self) -> dict[str, float]:
        """The newest value of each."""
        return dict(self._view.summary.last) if self._view.summary else {}

    @property
    def result(self) -> dict[str, Any]:
        """The run's summary of itself; empty until it ends."""
        return dict(self._view.summary.result) if self._view.summary else {}

    def iterations(self) -> DataFrame:
        """A line an iteration, by i: metrics, costs, labels, `seconds`, `time`."""
        from iterun.analysis import frames

        return frames.of_iterations(self._view.iterations())

    def artifacts(self) -> list[Path]:
        """The delivered files."""
        return self._view.artifacts()

    def checkpoints(self) -> list[int]:
        """The iterations that can be gone on from."""
        return self._view.checkpoints()

    def resume(self, **settings: Any) -> Run:
        """Go on with the run from its newest checkpoint; the run, looked at again.

        Args:
            settings: of stop, checkpoint and logger, as `run` takes them:
                `**{"stop.iterations": 200}`.

        Raises:
            IterunError: as of `run`; a setting that may not change; the run is alive.
        """
        from iterun.launch.local import resume
        from iterun.launch.spelled import line

        words = line("", settings)[1:]
        with _one_at_a_time():
            outcome = resume(self.path, words, lambda mode: _unheard)
        return _ended(outcome)

    def __repr__(self) -> str:
        return f"<Run {self.id} {self.system} seed={self.seed} {self.state}>"


def runs(*filters: str, outputs: Folder = None) -> DataFrame:
    """All runs that fit every filter, newest first: a DataFrame with a line a run, by id.

    Args:
        filters: as `iterun ls` takes them: "task=prune", "sparsity>0.5", "since=2d".
        outputs: the folder with the runs; None: $ITERUN_OUTPUTS, else ./outputs.

    Raises:
        ConfigError: a filter can't be read, or names what no run has.
    """
    from iterun.analysis import frames
    from iterun.store.bodies import read_bodies
    from iterun.store.filters import parse

    with Index(paths.outputs_root(outputs)) as index:
        rows = index.rows(parse(filters) if filters else None)
    read_bodies(rows)
    return frames.of_runs(rows)


def open(name: str, outputs: Folder = None) -> Run:
    """One run.

    Args:
        name: its id, the start of one, a tag, a directory, or "@-1", the newest.
        outputs: the folder with the runs; None: $ITERUN_OUTPUTS, else ./outputs.

    Raises:
        StoreError: no run has the name, or several have.
        ConfigError: it names an iteration.
    """
    with Index(paths.outputs_root(outputs)) as index:
        directory, iteration = index.resolve(name)
    if iteration is not None:
        raise ConfigError(
            f"{name} names an iteration, and a run is opened whole",
            hint=f"as in .iterations().loc[{iteration}] of the run",
        )
    return Run(directory)


def run(task: str, *, outputs: Folder = None, config_dir: Folder = None, **settings: Any) -> Run:
    """Do a run, as `iterun task=…` does it: the same directory, record and checkpoints.

    A run that diverged is returned too: look at its `state`. After Ctrl-C the run is checkpointed
    and KeyboardInterrupt is raised; after SIGTERM or SIGUSR2 SystemExit.

    Args:
        task: the system, "prune/perp", or a family, "prune".
        outputs: the folder that the run's directory is made in; None: as for `runs`.
        config_dir: a folder with systems of your own.
        settings: parameters of the task by their names (sparsity=0.6), keys at the top level by
            theirs (model="opt-mini", seed=1), others dotted (**{"stop.iterations": 3}).

    Raises:
        ConfigError: the settings can't be run; all that is wrong with them.
        RunFailed: the run ended by an exception; its `run` is the run.
        KeyboardInterrupt: it was interrupted.
        IterunError: whatever else the user can mend.
    """
    from iterun.launch.main import run_line
    from iterun.launch.spelled import line

    words = line(task, settings)
    if config_dir is not None:
        words = ["--config-dir", str(config_dir), *words]
    heard: list[Outcome] = []
    with _one_at_a_time():
        run_line(words, lambda mode: _keep_end(heard), None if outputs is None else str(outputs))
    if not heard:
        raise IterunError(f"{task}: this line makes no run", hint="iterun.run makes one at a time")
    return _ended(heard[-1])


def _keep_end(heard: list[Outcome]) -> Listener:
    """A listener that keeps how the run ended."""
    from iterun.core.progress import RunEnded

    def listen(event: object) -> None:
        if isinstance(event, RunEnded):
            heard.append(event.outcome)

    return listen


def _unheard(event: object) -> None:
    """Hear nothing."""


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    own = threading.get_ident()
    if own in _running:
        raise IterunError("a run can't start a run", hint="start it when this one has ended")
    with _turn:
        _running.append(own)
        try:
            yield
        finally:
            _running.remove(own)


def _ended(outcome: Outcome) -> Run:
    """The run; what a caller must not overlook is raised."""
    found = Run(outcome.directory)
    if outcome.state == "failed":
        raise RunFailed(found, outcome.error or outcome.reason or "")
    if outcome.state == "interrupted":
        if outcome.exit_status == 130:
            raise KeyboardInterrupt(f"run {found.id} is checkpointed")
        if outcome.exit_status > 128:
            raise SystemExit(outcome.exit_status)
    return found
