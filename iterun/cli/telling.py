"""Runs told to another tool, one after the other, and how that goes."""

from __future__ import annotations

import os
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterun.cli.console import Screen, Span, err, out
from iterun.cli.figures import count
from iterun.cli.formats import json_text
from iterun.config.menu import read_choice
from iterun.config.targets import TRACKERS, instantiate
from iterun.errors import ConfigError, raise_all
from iterun.launch.mirrors import missing, placed
from iterun.store.schema import RUNNING
from iterun.trackers.process import GONE, Process
from iterun.trackers.tracker import Tracker

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from iterun.store.rows import Row

_TELL_EVERY = 0.1  # seconds between two lines of progress
_MOST_NAMED = 10  #: failures that are told one by one


def tracker(tool: str, place: str | None, outputs: Path) -> Tracker:
    """The tool as `conf/logger/` sets it up, at that place or where its mirrors are.

    Raises:
        ConfigError: the place can't be one.
        UnavailableError: its package isn't installed.
    """
    node = read_choice("logger", tool)[tool]
    settings = {key: value for key, value in node.items() if key != "_target_"} | {"place": place}
    made = instantiate(node["_target_"], settings, Tracker, f"logger.{tool}", within=TRACKERS)
    raise_all([*made.check(), *missing(made)])
    found = placed(made, outputs)
    if fault := _in_the_way(str(found.place)):
        raise ConfigError(
            f"--out {found.place}: {fault} is no folder",
            hint="--out takes a folder, made if need be",
        )
    return found


def _in_the_way(place: str) -> Path | None:
    """What stands where the folder, or one around it, would be made."""
    if "://" in place:
        return None
    whole = Path(place)
    nearest = next((path for path in (whole, *whole.parents) if os.path.lexists(path)), whole)
    return nearest if os.path.lexists(nearest) and not nearest.is_dir() else None


@dataclass
class Told:
    """What became of the runs."""

    runs: list[tuple[Row, int]] = field(default_factory=list)  #: and iterations new to the tool
    failed: list[tuple[Row, str]] = field(default_factory=list)
    left_out: list[Row] = field(default_factory=list)  #: running


def tell(rows: Sequence[Row], tool: Tracker, *, as_json: bool) -> int:
    """Tell the runs; the exit status: 1 if one could not be told.

    Args:
        rows: the runs; those that go on are left out.
        tool: at its place.
        as_json: what was done as JSON.
    """
    told = Told(left_out=[row for row in rows if row.state == RUNNING])
    process = Process(tool)
    going = [row for row in rows if row not in told.left_out]
    try:
        with closing(_with_progress(going, tool.tool)) as told_one_by_one:
            for row in told_one_by_one:
                process.tell(row.path)
                answer = process.answers.get()
                if answer == GONE:
                    process.close()
                    process = Process(tool)
                if "failed" in answer:
                    told.failed.append((row, str(answer["failed"])))
                else:
                    told.runs.append((row, int(answer["done"])))
    finally:
        process.close()
    _say_json(told, tool) if as_json else _say(told, tool)
    return 1 if told.failed else 0


def _with_progress(rows: Sequence[Row], tool: str) -> Generator[Row, None, None]:
    """The rows, with a line on the terminal that says how far they are."""
    screen, shown, line = err(), 0.0, ""
    try:
        for n, row in enumerate(rows):
            if screen.is_terminal and (now := time.monotonic()) - shown > _TELL_EVERY:
                shown, line = now, f"{tool}: {n} of {count(len(rows), 'run')}"
                screen.raw(f"\r{line}")
                screen.stream.flush()
            yield row
    finally:
        screen.raw(f"\r{' ' * len(line)}\r" if line else "")


def _say(told: Told, tool: Tracker) -> None:
    screen = err()
    for row, fault in told.failed[:_MOST_NAMED]:
        screen.line(Span("not exported: ", "bad"), f"{row.id}: {fault}")
    if len(told.failed) > _MOST_NAMED:
        screen.line(Span("not exported: ", "bad"), f"{len(told.failed) - _MOST_NAMED} more")
    if told.left_out:
        names = ", ".join(row.id for row in told.left_out[:_MOST_NAMED])
        screen.line(Span("left out: ", "warn"), f"{names}: still running")
    if not told.runs:
        return
    new = sum(n for _, n in told.runs)
    known = "" if new else ", all there already"
    out().line(f"{count(len(told.runs), 'run')}, {count(new, 'iteration')}{known}  {tool.place}")
    _say_how(screen, tool)


def _say_how(screen: Screen, tool: Tracker) -> None:
    screen.line(Span("look: ", "accent"), tool.look())


def _say_json(told: Told, tool: Tracker) -> None:
    report: dict[str, Any] = {
        "to": tool.tool,
        "place": tool.place,
        "look": tool.look(),
        "runs": [{"id": row.id, "iterations": n} for row, n in told.runs],
        "failed": [{"id": row.id, "error": fault} for row, fault in told.failed],
        "left_out": [row.id for row in told.left_out],
    }
    out().raw(json_text(report) + "\n")
