"""What a mirror (logger=...) adds to an iteration, beside the tool called from the loop itself.

    python scripts/bench/bench_trackers.py [--iterations 5000] [--repeats 5] [tensorboard ...]

A procedure of five scalars that costs nothing, through the whole runner: alone, then with each tool
that is installed as a mirror. `loop` is the time between the first step and the last, `end` what
the run waits for its mirror after it. `called` is the tool's own call for the same five scalars, as
its documentation has it, in a loop of its own. Medians over the repeats.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2]))

from bench_runner import Trivial, scalars

from iterun.config.menu import read_choice
from iterun.core.job import Job
from iterun.core.progress import Remark
from iterun.launch import mirrors
from iterun.store.schema import RunRecord
from iterun.trackers import process
from iterun.types import Placement

if TYPE_CHECKING:
    from iterun.core.progress import Event

TOOLS = ("tensorboard", "mlflow", "wandb", "trackio")
BARE = {"mlflow": 300, "trackio": 1000}  # calls; the others take as many as there are iterations


def mirrored(outputs: Path, n: int, tool: str | None) -> tuple[float, float]:
    """µs an iteration, and the seconds after the last one."""
    directory = outputs / "bench" / "trivial" / f"run-{tool}-{time.time_ns()}"
    procedure = Trivial(n=n)
    record = RunRecord(
        id=f"{time.time_ns():x}", system="bench/trivial", family="bench", signature="", seed=0,
        created="2026-11-24T10:15:00+01:00",
    )  # fmt: skip
    logger = read_choice("logger", tool) if tool else {}
    job = Job(
        procedure=procedure, record=record, directory=directory, listener=complain,
        config={"task": {"about": {"system": "bench/trivial"}}, "logger": logger},
        place=Placement(device="cpu", dtype="float32", threads=1), stop={},
        checkpoint={"every": 10 * n}, objective={"metric": "loss", "goal": "min"},
    )  # fmt: skip
    outcome = mirrors.run(job)
    after = time.perf_counter() - procedure.ended
    if outcome.state != "completed":
        raise SystemExit(outcome.error)
    return (procedure.ended - procedure.began) / (n - 1) * 1e6, after


def complain(event: Event) -> None:
    """Say what goes wrong with a mirror."""
    if isinstance(event, Remark):
        print(f"  {event.text}", file=sys.stderr)


def called(tool: str, folder: Path, n: int) -> float:
    """µs a call of the tool's own, in this process."""
    folder.mkdir(parents=True)
    log, close = globals()[f"_{tool}"](folder)
    began = time.perf_counter()
    for i in range(n):
        log(scalars(i), i)
    spent = time.perf_counter() - began
    close()
    return spent / n * 1e6


def _tensorboard(folder: Path) -> Any:
    from tensorboard.compat.proto.event_pb2 import Event as Written
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    writer = EventFileWriter(str(folder))

    def log(values: dict[str, float], i: int) -> None:
        found = [{"tag": name, "simple_value": value} for name, value in values.items()]
        writer.add_event(Written(wall_time=time.time(), step=i, summary={"value": found}))

    return log, writer.close


def _mlflow(folder: Path) -> Any:
    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    mlflow.start_run()
    return lambda values, i: mlflow.log_metrics(values, step=i), mlflow.end_run


def _wandb(folder: Path) -> Any:
    import wandb

    run = wandb.init(project="bench", dir=str(folder), mode="offline")
    return lambda values, i: run.log(values, step=i), run.finish


def _trackio(folder: Path) -> Any:
    import trackio

    trackio.init(project="bench", name=folder.name, embed=False)
    return lambda values, i: trackio.log(values, step=i), trackio.finish


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tools", nargs="*", default=list(TOOLS))
    parser.add_argument("--iterations", type=int, default=5000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    n, repeats = options.iterations, options.repeats
    os.environ |= {"WANDB_SILENT": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}
    print(f"{'':12} {'loop':>10} {'end':>8} {'called':>10}   {n} iterations, {repeats} repeats")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TRACKIO_DIR"] = str(Path(folder, ".trackers", "trackio"))
        for tool in (None, *options.tools):
            if tool and importlib.util.find_spec(tool) is None:
                print(f"{tool:12} is not installed")
                continue
            found = [mirrored(Path(folder), n, tool) for _ in range(repeats + 1)][1:]
            loop, end = (statistics.median(times) for times in zip(*found, strict=True))
            own = called(tool, Path(folder, f"called-{tool}"), BARE.get(tool, n)) if tool else 0.0
            shown = f"{own:7.1f} µs" if tool else ""
            print(f"{tool or 'no mirror':12} {loop:7.1f} µs {end:6.2f} s {shown}", flush=True)
    process.close_idle()


if __name__ == "__main__":
    main()
