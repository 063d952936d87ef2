"""run.json: where a run came from, and what it was computed with."""

from __future__ import annotations

import contextlib
import os
import platform
import socket
import sys
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from iterun import __version__
from iterun.launch.naming import id_of
from iterun.launch.signature import signature
from iterun.store.schema import RunRecord

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from iterun.launch.kept import Kept
    from iterun.types import Placement

#: distributions whose version can change a result
PACKAGES = (
    "torch", "numpy", "transformers", "tokenizers", "safetensors", "peft", "accelerate", "datasets",
    "diffusers", "scikit-learn", "scipy", "hydra-core",
)  # fmt: skip
_METADATA = ".dist-info"
#: environment variables that can change a result or say where a run ran; none holds a secret
ENVIRONMENT = (
    "CUDA_VISIBLE_DEVICES", "CUBLAS_WORKSPACE_CONFIG", "OMP_NUM_THREADS", "OMP_WAIT_POLICY",
    "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PYTHONHASHSEED", "PYTORCH_CUDA_ALLOC_CONF",
    "TOKENIZERS_PARALLELISM",
    "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID",
    "SLURM_ARRAY_TASK_ID", "SLURM_JOB_PARTITION",
)  # fmt: skip


def record(
    config: Mapping[str, Any],
    *,
    directory: Path,
    place: Placement,
    argv: Sequence[str],
    git: Mapping[str, Any] | None,
    sweep: Mapping[str, Any] | None,
    kept: Kept | None = None,
) -> RunRecord:
    """The record of a new run.

    Args:
        config: resolved; `task.about.system` is there.
        directory: the run directory, which holds the id in its name.
        place: as resolved.
        argv: the line as typed, without the program.
        git: the state of the user's repository.
        sweep: {id, job} of the sweep it belongs to.
        kept: what jobs before this one left in this process.
    """
    task = config["task"]
    system = str(task["about"]["system"])
    return RunRecord(
        id=id_of(directory),
        system=system,
        family=system.partition("/")[0],
        signature=signature(config, place, kept),
        seed=config["seed"],
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
        sweep=dict(sweep) if sweep else None,
        command=["iterun", *argv],
        version=__version__,
        git=dict(git) if git else None,
        python=python(),
        packages=versions(),
        host=socket.gethostname(),
        cpu=cpu(),
        device=place.device,
        dtype=place.dtype,
        threads=place.threads,
        environment={name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
        objective=task.get("objective"),
        model=_name(config.get("model")),
        data=_name(config.get("data")),
        resolved=_more(place),
    )


def versions() -> dict[str, str]:
    """The versions installed, by the names of the folders of their metadata.

    importlib.metadata reads them, which takes 30 ms.
    """
    found: dict[str, str] = {}
    for place in sys.path:
        with contextlib.suppress(OSError):
            for entry in os.listdir(place or "."):
                if entry.endswith(_METADATA):
                    name, _, version = entry.removesuffix(_METADATA).partition("-")
                    found.setdefault(name.lower().replace("_", "-"), version)
    return {name: found[name] for name in PACKAGES if name in found}


def python() -> str:
    """The version of the interpreter."""
    return platform.python_version()


@cache
def cpu() -> str:
    """The name of the processor, as Linux has it; elsewhere its kind."""
    known = ""
    with contextlib.suppress(OSError), open("/proc/cpuinfo", "rb") as file:
        known = file.read(4096).decode(errors="replace")
    for line in known.splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _name(node: Mapping[str, Any] | None) -> str | None:
    return str(node["name"]) if node and node.get("name") else None


def _more(place: Placement) -> dict[str, Any]:
    """What of the placement has no field of its own and isn't as usual."""
    more = {
        "device_map": place.device_map,
        "tf32": place.tf32,
        "deterministic": place.deterministic,
        "device_name": device_name(place),
    }
    return {name: value for name, value in more.items() if value}


def device_name(place: Placement) -> str | None:
    """The GPU's name; None: no GPU is used."""
    if not place.device.startswith("cuda"):
        return None
    import torch

    return torch.cuda.get_device_name(place.device)
