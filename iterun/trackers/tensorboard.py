"""TensorBoard: scalars, parameters (its HPARAMS tab), remarks, labels and pictures as event files.

A run is a folder of one event file: <place>/<family>/<system>/[<sweep>/]<run directory>. A run that
goes on is written anew from its record, so that its curves have neither holes nor doubled points.
Neither TensorFlow nor torch is needed: the records are written through TensorBoard's own package.
"""

from __future__ import annotations

import os
import re
import shlex
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from iterun.store import paths
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

_EVENTS = "events.out.tfevents."  # TensorBoard looks for "tfevents" in the name
_STATES = {
    "completed": "STATUS_SUCCESS", "running": "STATUS_RUNNING",
    "failed": "STATUS_FAILURE", "diverged": "STATUS_FAILURE",
}  # fmt: skip


@dataclass(kw_only=True)
class Tensorboard(Tracker):
    """Event files below `place`, which is TensorBoard's --logdir."""

    tool: ClassVar[str] = "tensorboard"
    package: ClassVar[str] = "tensorboard"

    def begin(self, run: Row) -> int:
        """Start the run's event file; an older one goes when this one is there."""
        from tensorboard.compat.proto import event_pb2
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._pb = event_pb2
        self._last = 0  # the newest step
        self._labels: dict[str, str] = {}
        self._folder = _folder(Path(str(self.place)), run)
        self._folder.mkdir(parents=True, exist_ok=True)
        own = f".{identity(run.id)}."  # a stranger's run may have another's name, not its id
        older = [file for file in self._folder.glob(f"{_EVENTS}*") if own in file.name]
        n = max((int(end) for f in older if (end := f.suffix[1:]).isdecimal()), default=-1) + 1
        path = self._folder / f"{_EVENTS}{int(run.stamp)}.{identity(run.id)}.{n:04d}"
        part = path.with_name(f"{paths.PART}{path.name}")
        self._file = open(part, "wb")  # noqa: SIM115  # closed in `end`
        self._writer = RecordWriter(self._file)
        self._write(run.stamp, file_version="brain.Event:2")
        start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        self._write(run.stamp, session_log=start)  # what was shown of an older file is void
        self._describe(run)
        self._file.flush()
        os.replace(part, path)
        for file in older:
            file.unlink(missing_ok=True)
        return NOTHING_YET

    def iterations(self, lines: Sequence[Iteration]) -> None:
        """A scalar a number; a label's text where it changes."""
        for line in lines:
            self._last = line.i
            values = [
                {"tag": name, "simple_value": _single(value)}
                for name, value in numbers(line).items()
            ]
            self._write(line.time, line.i, summary={"value": values})
            for name, word in labels(line).items():
                if self._labels.get(name) != word:
                    self._labels[name] = word
                    self._text(name, word, line.time, line.i)
        self._file.flush()

    def picture(self, name: str, i: int | None, path: Path) -> None:
        """The PNG as it is."""
        data = path.read_bytes()
        width, height = struct.unpack(">II", data[16:24])
        image = {
            "width": width, "height": height, "colorspace": 4, "encoded_image_string": data,
        }  # fmt: skip
        value = {"tag": text(name), "image": image}
        step = self._last if i is None else i
        self._write(path.stat().st_mtime, step, summary={"value": [value]})

    def end(self, run: Row) -> None:
        """Results as scalars of the last step; the state for the HPARAMS tab."""
        from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

        when = ended_at(run)
        for name, value in results(run).items():
            scalar = {"tag": name, "simple_value": _single(value)}
            self._write(when, self._last, summary={"value": [scalar]})
        self._text("iterun/end", _table(ended(run)), when, self._last)
        status = getattr(api_pb2, _STATES.get(run.state, "STATUS_UNKNOWN"))
        info = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=when)
        data = plugin_data_pb2.HParamsPluginData(session_end_info=info)
        self._parameters(metadata.SESSION_END_INFO_TAG, data, when)
        self._file.close()

    def look(self) -> str:
        """How to look at it."""
        return f"tensorboard --logdir {shlex.quote(str(self.place))}"

    def _describe(self, run: Row) -> None:
        """Parameters for the HPARAMS tab, seeds of one setting as one group; the rest as a text."""
        from tensorboard.plugins.hparams import metadata, plugin_data_pb2

        info = plugin_data_pb2.SessionStartInfo(
            group_name=text(run.signature or run.id), start_time_secs=run.stamp
        )
        shared = {name: value for name, value in run.parameters.items() if name != "seed"}
        for name, value in plain(shared).items():
            slot = info.hparams[name]
            if isinstance(value, bool):
                slot.bool_value = value
            elif isinstance(value, str):
                slot.string_value = value
            else:
                slot.number_value = value
        data = plugin_data_pb2.HParamsPluginData(session_start_info=info)
        self._parameters(metadata.SESSION_START_INFO_TAG, data, run.stamp)
        self._text("iterun/run", _table(about(run)), run.stamp, 0)

    def _parameters(self, tag: str, data: Any, when: float) -> None:
        from tensorboard.plugins.hparams import metadata

        meta = metadata.create_summary_metadata(data)
        value = {"tag": tag, "metadata": meta, "tensor": metadata.NULL_TENSOR}
        self._write(when, summary={"value": [value]})

    def _text(self, tag: str, content: str, when: float, step: int) -> None:
        meta = {"plugin_data": {"plugin_name": "text"}}
        tensor = {"dtype": "DT_STRING", "string_val": [content.encode()], "tensor_shape": {}}
        value = {"tag": tag, "metadata": meta, "tensor": tensor}
        self._write(when, step, summary={"value": [value]})

    def _write(self, when: float, step: int = 0, **what: Any) -> None:
        event = self._pb.Event(wall_time=when, step=step, **what)
        self._writer.write(event.SerializeToString())


def _folder(place: Path, run: Row) -> Path:
    """Below `place`, whatever the names of a stranger's run hold."""
    parts = [*run.system.split("/"), (run.sweep or {}).get("id"), run.path.name]
    return place.joinpath(*(_name(str(part)) for part in parts if part))


def _name(part: str) -> str:
    found = re.sub(r"[^\w.@+=,-]", "_", part)[:200]
    return "_" + found if found.startswith(".") else found


def _single(value: float) -> float:
    """As a float of 32 bits holds it."""
    try:
        return struct.unpack("f", struct.pack("f", value))[0]  # type: ignore[no-any-return]  # one f
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _table(texts: dict[str, str]) -> str:
    """A table in Markdown, which is what TensorBoard's texts are read as."""
    rows = [f"| {name} | {_cell(word)} |" for name, word in texts.items()]
    return "\n".join(["| | |", "|---|---|", *rows])


def _cell(word: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>#|!])", r"\\\1", word).replace("\n", " ")
