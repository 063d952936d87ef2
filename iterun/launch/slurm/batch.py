"""A batch of jobs as an array of SLURM's: options of sbatch, the script, and what is kept of both.

outputs/.sweeps/<id>/slurm/sweep.json    what all jobs have in common
                           0.json        a batch: its jobs, the options, the array's number
                           0.sh          its script
                           12_3.log      what array 12's job 3 printed
"""

from __future__ import annotations

import dataclasses
import re
import shlex
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import iterun
from iterun.errors import ConfigError
from iterun.launch.slurm import queue
from iterun.launch.sweep import Asked, Sweep
from iterun.store import disk
from iterun.store.schema import decode, encode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FOLDER = "slurm"
_NUMBER = re.compile(r"\d+")
#: settings by the plug-in's names that sbatch knows by another one
_NAMES = {"timeout_min": "time", "name": "job-name"}
#: settings that sbatch gets as they are
_OPTIONS = (
    "name", "partition", "qos", "account", "comment", "constraint", "exclude", "gres",
    "timeout_min", "cpus_per_task", "gpus_per_node", "gpus_per_task", "cpus_per_gpu",
    "mem_per_cpu", "mem_per_gpu",
)  # fmt: skip
_SCRIPT = """\
#!/bin/bash
{setup}
# The step has the CPUs that the job has, and libraries start no more threads.
[ -z "$SLURM_CPUS_PER_TASK" ] || export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK
cpus=${{SLURM_CPUS_PER_TASK:-${{SLURM_CPUS_ON_NODE:-1}}}}
export OMP_NUM_THREADS=$cpus MKL_NUM_THREADS=$cpus OPENBLAS_NUM_THREADS=$cpus
{path}
# Signals are for the step: this shell stays until the run has its checkpoint.
trap : TERM USR2
srun --unbuffered {python} -m iterun.launch.slurm.job {batch}
status=$?
# SIGUSR2: the time is nearly over. The run goes on in its own directory.
if [ $status -eq {warned} ] && [ "${{SLURM_RESTART_COUNT:-0}}" -lt {restarts} ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit $status
"""
WARNED = 140  #: exit status of a run that SIGUSR2 ended


@dataclass
class Batch:
    """Jobs that were submitted together."""

    array: str  #: its number in SLURM
    jobs: list[Asked]

    def element(self, position: int) -> str:
        """A job as SLURM names it: "12_3"."""
        return f"{self.array}_{position}"

    @property
    def numbers(self) -> dict[str, int]:
        """The number in the sweep of each element."""
        return {self.element(k): job.number for k, job in enumerate(self.jobs)}


def submit(sweep: Sweep, jobs: Sequence[Asked], settings: Mapping[str, Any]) -> Batch:
    """Hand jobs to sbatch as one array.

    Raises:
        ConfigError: sbatch refuses it.
        DiskError: the sweep's folder can't be written.
    """
    folder = Path(sweep.folder) / FOLDER
    with disk.disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "sweep.json", dataclasses.asdict(sweep))
    k = max((int(path.stem) for path in _kept(folder)), default=-1) + 1
    file, script = folder / f"{k}.json", folder / f"{k}.sh"
    words = ["sbatch", "--parsable", *options(settings, len(jobs), folder), str(script)]
    body = {"jobs": [[job.number, list(job.overrides)] for job in jobs], "command": words}
    _write(file, body)
    disk.write_beside(script, text(settings, file).encode(), durable=False)
    said = _sbatch(words[1:])
    array = said.strip().partition(";")[0]
    _write(file, {**body, "array": array})
    return Batch(array, list(jobs))


def probe(settings: Mapping[str, Any], folder: Path) -> None:
    """See whether SLURM would take a job, without one.

    Raises:
        ConfigError: sbatch refuses it.
    """
    _sbatch(["--test-only", *options(settings, 1, folder)], "#!/bin/bash\n")


def _sbatch(words: Sequence[str], script: str | None = None) -> str:
    try:
        return queue.command(["sbatch", *words], script)
    except queue.QueueError as error:
        said = str(error).replace("sbatch: error: ", "").replace("\n", "; ")
        raise ConfigError(
            f"sbatch refuses the jobs: {said}",
            hint="settings of hydra.launcher say what is asked for, as in "
            "hydra.launcher.partition=NAME; sinfo shows what there is",
        ) from error


def options(settings: Mapping[str, Any], n_jobs: int, folder: Path) -> list[str]:
    """What sbatch is told besides the script."""
    found = {_NAMES.get(key, key): settings.get(key) for key in _OPTIONS}
    memory = settings.get("mem_gb")
    found["mem"] = None if memory is None else f"{round(memory * 1024)}M"
    found["signal"] = f"USR2@{settings['signal_delay_s']}"
    found["array"] = f"0-{n_jobs - 1}%{settings['array_parallelism']}"
    # An array's first log line and its last may come from two attempts.
    found |= {"output": folder / "%A_%a.log", "open-mode": "append", "requeue": True}
    found |= {"nodes": 1, "ntasks": 1, **(settings.get("additional_parameters") or {})}
    words = []
    for key, value in found.items():
        option = f"--{key.replace('_', '-')}"
        if value is not None and value is not False:
            words.append(option if value is True else f"{option}={value}")
    return words


def text(settings: Mapping[str, Any], file: Path) -> str:
    """The script of a batch."""
    return _SCRIPT.format(
        setup="\n".join(str(line) for line in settings.get("setup") or []),
        path=_path(),
        python=shlex.quote(sys.executable), batch=shlex.quote(str(file)),
        warned=WARNED, restarts=int(settings["max_num_timeout"]),
    )  # fmt: skip


def _path() -> str:
    """A line that has a checkout of iterun found; a package that is installed is found anyway."""
    root = str(Path(iterun.__file__).parents[1])
    if root in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib")):
        return ""
    return f"export PYTHONPATH={shlex.quote(root)}${{PYTHONPATH:+:$PYTHONPATH}}"


def submitted(folder: Path) -> list[Batch]:
    """The batches of a sweep that SLURM took.

    Args:
        folder: the sweep's.
    """
    found = []
    for path in _kept(folder / FOLDER):
        body = _read(path)
        if "array" in body:
            found.append(Batch(str(body["array"]), _jobs(body)))
    return found


def job(file: Path, position: int) -> tuple[Sweep, Asked]:
    """A job of a batch, in the process that is to do it."""
    common = _read(file.parent / "sweep.json")
    lists = {key: tuple(value) for key, value in common.items() if isinstance(value, list)}
    return Sweep(**(common | lists)), _jobs(_read(file))[position]


def _jobs(body: Mapping[str, Any]) -> list[Asked]:
    return [Asked(number, tuple(overrides)) for number, overrides in body["jobs"]]


def _kept(folder: Path) -> list[Path]:
    """The files of batches."""
    return sorted(path for path in folder.glob("*.json") if _NUMBER.fullmatch(path.stem))


def _read(path: Path) -> dict[str, Any]:
    found = decode(disk.read_small(path))
    assert isinstance(found, dict)
    return found


def _write(path: Path, body: Mapping[str, Any]) -> None:
    disk.write_beside(path, encode(dict(body)) + b"\n", durable=False)
