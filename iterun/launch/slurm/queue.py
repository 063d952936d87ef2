"""What SLURM's controller knows of jobs. `sacct`, which many clusters lack, is never asked."""

from __future__ import annotations

import logging
import os
import re
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

log = logging.getLogger(__name__)

_SECONDS = 60.0  #: that a command may take
_UNKNOWN = "Invalid job id"  #: said of a job that ended some minutes ago
_SHOWN = re.compile(r"(\w+)=(\S*)")
_USUAL = 1001  #: MaxArraySize, if the controller doesn't say


class QueueError(Exception):
    """The controller gave no answer; it may give one the next time."""


def command(words: Sequence[str], typed: str | None = None) -> str:
    """What a command of SLURM says.

    Args:
        words: the command.
        typed: its standard input.

    Raises:
        QueueError: it failed, with its own words.
    """
    try:
        done = subprocess.run(
            words, input=typed, capture_output=True, text=True, timeout=_SECONDS, check=False,
            env=environment(),
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise QueueError(str(error)) from error
    if done.returncode != 0:
        raise QueueError(done.stderr.strip() or f"{words[0]} ended with {done.returncode}")
    return done.stdout


def environment() -> dict[str, str]:
    """This environment; of a job of SLURM that we are in nothing is handed on."""
    if "SLURM_JOB_ID" not in os.environ:
        return dict(os.environ)
    keep = ("SLURM_CONF",)
    return {k: v for k, v in os.environ.items() if k in keep or not k.startswith("SLURM_")}


def states(arrays: Iterable[str]) -> dict[str, str]:
    """The state of each element ("12_3") of some arrays that is in the queue or running.

    Raises:
        QueueError: the controller gave no answer.
    """
    asked = ",".join(arrays)
    if not asked:
        return {}
    try:
        said = command(["squeue", "--noheader", "--array", "--format=%i %T", f"--jobs={asked}"])
    except QueueError as error:
        if _UNKNOWN in str(error):
            return {}
        raise
    pairs = (line.split() for line in said.splitlines())
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}


def last_words(element: str) -> str:
    """What the controller says of a job that ended: "FAILED, exit code 0:9"; or nothing."""
    try:
        said = command(["scontrol", "--oneliner", "show", "job", element])
    except QueueError:
        return ""
    shown = dict(_SHOWN.findall(said))
    found = [shown.get("JobState", "")]
    if (reason := shown.get("Reason", "None")) not in ("None", "NonZeroExitCode"):
        found.append(reason)
    if (code := shown.get("ExitCode", "0:0")) != "0:0":
        status, _, number = code.partition(":")
        found.append(f"signal {number}" if number != "0" else f"exit status {status}")
    return ", ".join(word for word in found if word)


def largest_array() -> int:
    """How many jobs an array may have."""
    try:
        said = command(["scontrol", "show", "config"])
    except QueueError:
        return _USUAL - 1
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", said, re.MULTILINE)
    return max(1, (int(found.group(1)) if found else _USUAL) - 1)
