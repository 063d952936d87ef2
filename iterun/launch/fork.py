"""`iterun fork`: a run of its own that goes on from the state of another one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterun.config.overlay import changes, laid_over
from iterun.core import fork as core_fork
from iterun.core.fork import Branch
from iterun.core.progress import Remark
from iterun.errors import ConfigError, IterunError, StoreError
from iterun.launch import device, mirrors, recorded
from iterun.launch.assembled import assembled
from iterun.launch.builders import with_absolute_paths
from iterun.launch.check import checked
from iterun.launch.git import Look
from iterun.launch.local import with_system
from iterun.launch.naming import new_directory
from iterun.launch.record import record
from iterun.launch.regain import regained, those_there
from iterun.launch.signature import of_fork
from iterun.store import copy
from iterun.store.reader import RunView

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from iterun.core.job import Job, Outcome
    from iterun.core.procedure import Procedure
    from iterun.core.progress import Listener
    from iterun.store.schema import RunRecord
    from iterun.types import Placement


@dataclass(frozen=True, kw_only=True)
class Fork:
    """A fork that can be made: all that could be checked is, and nothing is written yet."""

    view: RunView  #: the parent
    iteration: int  #: the last one that both share
    nearest: int  #: the checkpoint to begin from; before `iteration`, the way there is replayed
    outputs: Path
    directory: Path
    config: Mapping[str, Any]
    changes: Mapping[str, list[Any]]
    procedure: Procedure
    place: Placement
    record: RunRecord
    patch: str | None

    def begin(self, make_listener: Callable[[str], Listener]) -> Outcome:
        """Make the directory and go on.

        Args:
            make_listener: called with "fork".

        Raises:
            ConfigError: the settings can't take the state; nothing is left behind.
            StoreError: something of the parent can't be read, or does not come out again.
            DiskError: no room.
        """
        listener = make_listener("fork")
        for text in self._remarks():
            listener(Remark(text))
        with copy.appearing(self.directory) as part:
            if self.nearest == self.iteration:
                copy.prefix(self.view.directory, self.iteration, part)
            else:
                regained(self.view, part, after=self.nearest, k=self.iteration, listener=listener)
            copy.write_record(part, record=self.record, config=self.config, patch=self.patch)
        device.apply(self.place)  # not the parent's, nor that of a fork prepared since
        try:
            return mirrors.run(self._job(listener))
        except IterunError:  # refused
            copy.vanish(self.directory, self.outputs)
            raise

    def _job(self, listener: Listener) -> Job:
        job = assembled(
            self.procedure, self.config, record=self.record, directory=self.directory,
            place=self.place,
        )  # fmt: skip
        job.listener, job.resume_from = listener, self.iteration
        return job

    def _remarks(self) -> list[str]:
        was, k = self.view.record, self.iteration
        found = []
        if versions := recorded.other_versions(was):
            found.append(f"other versions than before: {versions}; numbers may differ")
        if self.record.seed != was.seed:
            found.append(
                f"the generators begin anew after iteration {k}, with seed={self.record.seed}; "
                f"up to there they were those of seed={was.seed}"
            )
        if self.nearest < k:
            start = f"checkpoint {self.nearest}" if self.nearest >= 0 else "the beginning"
            found.append(f"{was.id}@{k} has no checkpoint: replayed from {start}")
        return found


def prepare(
    directory: Path,
    overrides: Sequence[str],
    *,
    outputs: Path,
    iteration: int | None = None,
    config_dir: str | None = None,
    argv: Sequence[str] = (),
) -> Fork:
    """Check everything that can be checked without loading anything.

    Args:
        directory: of the parent, in whatever state.
        overrides: settings as on the command line.
        outputs: where the fork goes.
        iteration: where it branches off; None: the parent's last one.
        config_dir: a further folder with groups; None: the parent's.
        argv: the line as typed, without the program.

    Raises:
        ConfigError: every fault of the settings.
        StoreError: the parent has no such iteration, or can't be read.
    """
    view = RunView(directory)
    was = view.record
    old = with_system(recorded.whole(view.config, was), was.system)
    k = _iteration(view, iteration)
    folder = config_dir or recorded.config_dir(was)
    new = with_absolute_paths(laid_over(old, overrides, config_dir=folder))
    found = changes(old, new)
    with Look(Path.cwd()) as look:
        procedure, place = _checked(old, new, was, k, found, folder)
        nearest = core_fork.nearest_whole(directory, k)
        core_fork.refuse_before(was, nearest, k)
        commit, patch = look.state()
    name = str((new.get("model") or {}).get("name") or (new.get("data") or {}).get("name") or "")
    target = new_directory(outputs.absolute(), was.system, name)
    own = record(new, directory=target, place=place, argv=argv, git=commit, sweep=None)
    branch = _branch(was, k, found, own.seed)
    own = replace(own, parent=branch.to_json(), signature=of_fork(own.signature, was.signature, k))
    return Fork(
        view=view, iteration=k, nearest=nearest, outputs=outputs.absolute(), directory=target,
        config=new, changes=found, procedure=procedure, place=place, record=own, patch=patch,
    )  # fmt: skip


def _iteration(view: RunView, asked: int | None) -> int:
    done = [line.i for line in view.iterations()]
    if not done and not view.checkpoints():
        raise StoreError(
            f"{view.id} has no iteration yet to branch off at", hint="begin a run of its own"
        )
    last = max(done, default=0)
    if asked is not None and not 0 <= asked <= last:
        raise StoreError(
            f"{view.id} has no iteration {asked}: its last one is {last}",
            hint=f"branch off between 0 and {last}; checkpoints: {those_there(view)}",
        )
    return last if asked is None else asked


def _checked(
    old: Mapping[str, Any], new: Mapping[str, Any], was: RunRecord, k: int,
    found: Mapping[str, list[Any]], folder: str | None,
) -> tuple[Procedure, Placement]:  # fmt: skip
    """The class of the new settings and the place: as before, but for what is typed."""
    backend = recorded.as_before(new["backend"], was)
    backend |= {key: new["backend"][key] for key in backend if f"backend.{key}" in found}
    try:
        procedure, place = checked(
            {**new, "backend": backend}, extra=[Path(folder)] if folder else []
        )
    except ConfigError as error:
        if was.device in error.message and "backend.device" not in found:
            error.hint = "as in backend=cpu"
        raise
    iterations = (new["stop"] or {}).get("iterations")
    if iterations is not None and k >= iterations:
        raise ConfigError(
            f"stop.iterations={iterations} ends it at once: it goes on from iteration {k}",
            hint=f"add stop.iterations={k + 10}, or stop.iterations=null",
        )
    was_there = replace(place, device=was.device, dtype=was.dtype, threads=was.threads)
    if not recorded.is_content_the_same(old, was_there, was):
        raise ConfigError(
            f"model, text or schedule of {was.id} are not what they were when it began",
            hint="bring it back, or begin a run of its own",
        )
    return procedure, place


def _branch(was: RunRecord, k: int, found: Mapping[str, list[Any]], seed: int) -> Branch:
    before, start = Branch.of(was), core_fork.first_seed(was)
    same = before if before is not None and before.iteration == k else None  # left there, too
    return Branch(
        run=was.id, iteration=k, signature=was.signature, changes=found,
        start_seed=start if start != seed else None,
        reseed=seed != was.seed or (same is not None and same.reseed),
        anew=same is not None and same.alters,
    )  # fmt: skip
