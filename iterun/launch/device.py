"""Where a run computes: `backend` resolved, and torch told of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from iterun.errors import ConfigError, nearest, raise_all
from iterun.types import Placement

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DTYPES = ("float32", "bfloat16", "float16")
KEYS = ("device", "dtype", "threads", "device_map", "tf32", "deterministic")
#: without it cuBLAS is not deterministic; it is read when CUDA starts
_CUBLAS = ("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def faults(backend: Mapping[str, Any]) -> Iterator[ConfigError]:
    """Yield what is wrong with the settings by themselves; no torch."""
    for key in backend:
        if key not in KEYS:
            near = nearest(str(key), KEYS)
            hint = f"did you mean backend.{near[0]}?" if near else f"there are {', '.join(KEYS)}"
            yield ConfigError(f"backend.{key}: there is no such setting", hint=hint)
    if _kind(backend) is None:
        yield ConfigError(
            f"backend.device={backend.get('device')} is no device",
            hint="backend=auto, backend=cpu or backend=gpu; one card of several: "
            "backend.device=cuda:1",
        )
    if backend.get("dtype") not in (None, *DTYPES):
        yield ConfigError(
            f"backend.dtype={backend['dtype']} is not supported",
            hint=f"one of {', '.join(DTYPES)}; backend.dtype=null chooses by the device",
        )
    threads = backend.get("threads")
    if threads not in (None, "auto") and not (_is_whole(threads) and threads >= 1):
        yield ConfigError(
            f"backend.threads={threads} is not a whole number of at least 1",
            hint="as in backend.threads=2; backend.threads=auto takes what the system needs",
        )
    for key in ("tf32", "deterministic"):
        if not isinstance(backend.get(key, False), bool):
            yield ConfigError(
                f"backend.{key}={backend[key]} is neither true nor false",
                hint=f"backend.{key}=true",
            )


def place(
    backend: Mapping[str, Any], threads_hint: int | None = None, share: int | None = None
) -> Placement:
    """Resolve `backend` on this machine, and set torch's threads, TF32 and determinism.

    Args:
        backend: the node of conf/backend/*.yaml.
        threads_hint: what `threads=auto` takes; None: all cores that this process may use.
        share: the most that `threads=auto` takes, where several runs share the machine.

    Raises:
        ConfigError: a setting that can't be used, a GPU that isn't there.
    """
    raise_all(faults(backend))
    device = _device(backend)
    placement = Placement(
        device=device,
        dtype=backend.get("dtype") or _usual_dtype(device),
        threads=_threads(backend.get("threads"), threads_hint, share),
        device_map=backend.get("device_map") if device != "cpu" else None,
        tf32=backend.get("tf32", False),
        deterministic=backend.get("deterministic", False),
    )
    apply(placement)
    return placement


def apply(placement: Placement) -> None:
    """Tell torch of threads, TF32 and determinism."""
    if placement.deterministic:
        os.environ.setdefault(*_CUBLAS)
    import torch

    torch.set_num_threads(placement.threads)
    torch.backends.cuda.matmul.allow_tf32 = placement.tf32
    torch.backends.cudnn.allow_tf32 = placement.tf32
    # The call alone imports torch's compiler: seconds.
    if torch.are_deterministic_algorithms_enabled() != placement.deterministic:
        torch.use_deterministic_algorithms(placement.deterministic)
    if placement.deterministic:
        torch.backends.cudnn.benchmark = False


def cores() -> int:
    """How many cores this process may use: affinity, the container's quota, OMP_NUM_THREADS."""
    affinity = getattr(os, "sched_getaffinity", None)
    n = len(affinity(0)) if affinity else os.cpu_count() or 1
    if (quota := _quota()) is not None:
        n = min(n, quota)
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(n, int(asked)) if asked.isdecimal() and int(asked) > 0 else n


def _kind(backend: Mapping[str, Any]) -> str | None:
    """The device asked for: auto, cpu, cuda, cuda:N; None: there is no such device."""
    device = str(backend.get("device") or "auto")
    device = "cuda" + device.removeprefix("gpu") if device.startswith("gpu") else device
    name, _, number = device.partition(":")
    if device in ("auto", "cpu", "cuda") or (name == "cuda" and number.isdecimal()):
        return device
    return None


def _device(backend: Mapping[str, Any]) -> str:
    import torch

    kind = _kind(backend)
    if kind == "cpu":
        return "cpu"
    if not torch.cuda.is_available():
        if kind == "auto":
            return "cpu"
        built = "" if torch.version.cuda else "; this torch is built without CUDA"
        raise ConfigError(
            f"{_typed(backend)}: no GPU can be used here{built}",
            hint="backend=cpu computes on the CPU; `iterun doctor` shows what torch finds",
        )
    number = int(kind.partition(":")[2] or 0) if kind != "auto" and kind else 0
    if number >= torch.cuda.device_count():
        raise ConfigError(
            f"{_typed(backend)}: there are {torch.cuda.device_count()} GPUs, counted from 0",
            hint="backend=gpu takes the first; backend=cpu computes on the CPU",
        )
    return f"cuda:{number}"


def _typed(backend: Mapping[str, Any]) -> str:
    """The device as it was typed, most likely."""
    device = backend.get("device")
    return "backend=gpu" if device == "cuda" else f"backend.device={device}"


def _usual_dtype(device: str) -> str:
    if device == "cpu":
        return "float32"
    import torch

    return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"


def _threads(asked: Any, hint: int | None, share: int | None) -> int:
    if asked in (None, "auto"):
        return min(limit for limit in (cores(), hint, share) if limit is not None)
    return int(asked)


def _quota() -> int | None:
    """Cores by the container's quota, rounded up; None: there is none."""
    try:
        with open("/sys/fs/cgroup/cpu.max", encoding="ascii") as file:
            quota, _, period = file.read().strip().partition(" ")
        return max(1, -(-int(quota) // int(period)))
    except (OSError, ValueError):
        return None


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
