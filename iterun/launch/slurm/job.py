"""What runs on a node.

    python -m iterun.launch.slurm.job outputs/.sweeps/<id>/slurm/0.json

The number in the array says which job of the batch it is. The exit status is the run's, so that
`squeue` and `sacct` show what went wrong, and the script queues again what SIGUSR2 ended.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

from iterun.launch.held import Held
from iterun.launch.slurm import batch
from iterun.launch.worker import work


def main(file: Path) -> int:
    """Do the job; its exit status."""
    import torch  # noqa: F401  takes seconds, in which a signal simply ends this process

    sweep, job = batch.job(file, int(os.environ["SLURM_ARRAY_TASK_ID"]))
    with Held() as held:
        sweep = replace(sweep, threads=cpus())
        record = work(sweep, job, held)
        sys.stdout.write(f"job {job.number} {record.state} {record.directory or ''}\n")
        if record.error:
            sys.stdout.write(f"{record.error}\n")
    return record.exit_status


def cpus() -> int | None:
    """How many CPUs SLURM gave; not every cluster binds processes to them."""
    for name in ("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE"):
        if os.environ.get(name, "").isdecimal():
            return int(os.environ[name])
    return None


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
