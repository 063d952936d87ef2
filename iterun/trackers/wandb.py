"""Weights & Biases, offline unless told otherwise: `wandb sync` brings the runs up later.

Offline, a run that goes on is written anew from its record and the older folder removed at the end,
so that a later sync has it whole. Online it is resumed by its id, which is ours; the key comes from
WANDB_API_KEY or `wandb login`.
"""

from __future__ import annotations

import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from iterun.trackers.names import identity, text
from iterun.trackers.tracker import (
    NOTHING_YET,
    Tracker,
    about,
    ended,
    labels,
    numbers,
    plain,
    results,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterun.store.rows import Row
    from iterun.store.schema import Iteration

_LONGEST_TAG = 64
_OFFLINE = r"offline-run-\d+_\d+-"  # then the id; of one second, a number too


@dataclass(kw_only=True)
class Wandb(Tracker):
    """A project; `place` is the folder above wandb's own."""

    project: str
    entity: str | None  #: user or team; None: wandb's default
    mode: Literal["offline", "online"]

    tool: ClassVar[str] = "wandb"
    package: ClassVar[str] = "wandb"

    def environment(self) -> dict[str, str]:
        """No error reports, nothing printed."""
        return {"WANDB_ERROR_REPORTING": "false", "WANDB_SILENT": "true"}

    def begin(self, run: Row) -> int:
        """Open the run under our id; sweeps are groups, systems job types."""
        import wandb

        self._wandb, self._id = wandb, identity(run.id)
        self._last, self._when = 0, run.stamp
        place = Path(str(self.place))
        place.mkdir(parents=True, exist_ok=True)
        own = re.compile(_OFFLINE + self._id + r"(-\d+)?")
        self._older = {f for f in place.glob("wandb/offline-run-*") if own.fullmatch(f.name)}
        said = about(run)
        settings = wandb.Settings(
            silent=True, console="off", disable_git=True, save_code=False, x_disable_meta=True,
            x_disable_stats=True, x_disable_machine_info=True, x_save_requirements=False,
            x_start_time=run.stamp,
        )  # fmt: skip
        self._run = wandb.init(
            project=self.project, entity=self.entity, dir=str(place), mode=self.mode, id=self._id,
            name=text(run.path.name, 128), notes=said.get("note"), group=said.get("sweep"),
            tags=[text(tag, _LONGEST_TAG) for tag in run.tags if tag],
            job_type=text(run.system, _LONGEST_TAG),
            config={**plain(run.parameters), "iterun": said}, resume=self._resume,
            settings=settings, save_code=False,
        )  # fmt: skip
        return int(self._run.step) - 1 if self.mode == "online" else NOTHING_YET

    def iterations(self, lines: Sequence[Iteration]) -> None:
        """A step an iteration, with the recorded time; labels as texts."""
        for line in lines:
            found: dict[str, Any] = {**numbers(line), **labels(line)}
            data = {_free(name): value for name, value in found.items()}
            self._run.log({**data, "_timestamp": line.time}, step=line.i)
            self._last, self._when = line.i, line.time

    def picture(self, name: str, i: int | None, path: Path) -> None:
        """As a picture of the last step: wandb takes none for an earlier one."""
        caption = None if i is None else f"iteration {i}"
        image = self._wandb.Image(str(path), caption=caption)
        data = {f"pictures/{_free(name)}": image, "_timestamp": self._when}
        self._run.log(data, step=self._last)

    def end(self, run: Row) -> None:
        """Results and the state into wandb's summary; older folders of the run go."""
        self._run.summary.update({_free(name): value for name, value in results(run).items()})
        self._run.summary.update({f"iterun/{name}": word for name, word in ended(run).items()})
        own = Path(self._run.dir).parent
        self._run.finish(exit_code=0 if run.state == "completed" else 1)
        self._wandb.teardown()  # `finish` returns before the file is written
        for folder in self._older - {own}:
            shutil.rmtree(folder, ignore_errors=True)

    def look(self) -> str:
        """How to look at it."""
        return f"wandb sync {shlex.quote(str(self.place))}/wandb/offline-run-*"

    @property
    def _resume(self) -> Literal["allow"] | None:
        return "allow" if self.mode == "online" else None


def _free(name: str) -> str:
    """A name that is none of wandb's own, which begin with an underscore."""
    return f"metric{name}" if name[:1] in ("", "_") else text(name, 250)
