"""What `iterun doctor` looks at: each check gives findings, and none of them changes anything."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import urllib.error
import urllib.request
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from iterun import __version__
from iterun.cli.figures import count, size
from iterun.config import menu
from iterun.config.locate import conf_dir
from iterun.errors import IterunError
from iterun.launch import device
from iterun.launch.record import PACKAGES
from iterun.store import paths
from iterun.store.index import Index

if TYPE_CHECKING:
    from collections.abc import Iterator

_HUB = "https://huggingface.co"
_TIMEOUT = 3.0  #: seconds for the hub to answer
_NEEDED = ("torch", "transformers", "hydra-core", "safetensors", "tokenizers", "gguf")
_EXTRAS = {"datasets": "hub", "accelerate": "hub"}
_LEAST_FREE = 2e9  #: bytes, below which a disk is said to be nearly full
_MOST_FILES = 200_000  #: of a cache that are counted


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    part: str  #: the heading it belongs to
    name: str
    text: str
    verdict: str = "good"  #: "good", "note" or "bad": would keep a run from working
    hint: str = ""


def versions() -> Iterator[Finding]:
    """iterun, Python and the packages whose versions a run records."""
    part = "Versions"
    yield Finding(part, "iterun", __version__)
    yield Finding(part, "python", f"{platform.python_version()} on {platform.platform(terse=True)}")
    for name in dict.fromkeys((*PACKAGES, "gguf")):
        try:
            yield Finding(part, name, version(name))
        except PackageNotFoundError:
            if name in _NEEDED:
                yield Finding(part, name, "missing", "bad", "pip install iterun")
            elif name in _EXTRAS:
                hint = f'pip install "iterun[{_EXTRAS[name]}]"'
                yield Finding(part, name, "not installed (an extra)", "note", hint)


def devices() -> Iterator[Finding]:
    """Cores, threads and GPUs; imports torch."""
    part = "Devices"
    yield Finding(part, "cpu", _processor())
    yield Finding(part, "cores", f"{device.cores()} of {os.cpu_count()} may be used")
    try:
        torch = importlib.import_module("torch")
    except (ImportError, OSError) as error:
        yield Finding(part, "torch", f"can't be imported: {error}", "bad", "pip install torch")
        return
    yield Finding(
        part, "threads", f"{torch.get_num_threads()} of torch; backend.threads=N sets them"
    )
    if not torch.cuda.is_available():
        built = "none can be used" if torch.version.cuda else "this torch is built without CUDA"
        yield Finding(part, "gpu", f"{built}; backend=auto computes on the CPU", "note")
    for number in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(number)
        bf16 = "" if torch.cuda.is_bf16_supported() else ", no bfloat16"
        yield Finding(part, f"cuda:{number}", f"{about.name}, {size(about.total_memory)}{bf16}")


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def memory_and_disk(outputs: str | None) -> Iterator[Finding]:
    """Free memory, free disk where runs and caches go, and whether they can be written."""
    import psutil

    part = "Memory and disk"
    memory = psutil.virtual_memory()
    yield Finding(part, "memory", f"{size(memory.available)} free of {size(memory.total)}")
    if (limit := _memory_limit()) is not None and limit < memory.total:
        yield Finding(part, "limit", f"{size(limit)} for this container")
    hint = "iterun --outputs DIR, or the environment variable ITERUN_OUTPUTS"
    yield _place(part, "outputs", paths.outputs_root(outputs), hint)
    yield _place(part, "cache", paths.cache_root(), "the environment variable ITERUN_CACHE")


def _memory_limit() -> int | None:
    try:
        text = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _place(part: str, name: str, folder: Path, hint: str) -> Finding:
    there = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        return Finding(part, name, f"{folder} can't be written", "bad", f"choose another: {hint}")
    free = shutil.disk_usage(there).free
    text = f"{folder}, {size(free)} free"
    return Finding(
        part,
        name,
        text,
        "good" if free > _LEAST_FREE else "note",
        "" if free > _LEAST_FREE else hint,
    )


def runs(outputs: str | None) -> Iterator[Finding]:
    """How many runs there are, and those that can't be read."""
    part, root = "Runs", paths.outputs_root(outputs)
    with Index(root) as index:
        yield Finding(part, "runs", f"{count(index.count(), 'run')} below {root}")
        for problem in index.problems:
            yield Finding(part, "unreadable", problem.message, "note", problem.hint)


def caches() -> Iterator[Finding]:
    """What lies in the caches."""
    part = "Caches"
    for name, folder in (("iterun", paths.cache_root()), ("hub", _hub_cache())):
        if not folder.is_dir():
            yield Finding(part, name, f"{folder}: nothing yet")
            continue
        total, files = _weigh(folder)
        more = " at least" if files >= _MOST_FILES else ""
        yield Finding(part, name, f"{folder}: {count(files, 'file')}, {size(total)}{more}")


def _hub_cache() -> Path:
    if chosen := os.environ.get("HF_HUB_CACHE"):
        return Path(chosen).expanduser()
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("HF_HOME") or Path(home) / "huggingface").expanduser() / "hub"


def _weigh(folder: Path) -> tuple[int, int]:
    total = files = 0
    for where, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(where, name)).st_size
            except OSError:
                continue
            files += 1
        if files >= _MOST_FILES:
            break
    return total, files


def hub() -> Iterator[Finding]:
    """Whether the hub answers, within three seconds."""
    part = "Hub"
    endpoint = (os.environ.get("HF_ENDPOINT") or _HUB).rstrip("/")
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        yield Finding(part, "hub", "not asked: HF_HUB_OFFLINE is set", "note")
        return
    hint = "models at hand, see below, work without it; a mirror is named by HF_ENDPOINT"
    try:
        request = urllib.request.Request(endpoint, method="HEAD")
        with urllib.request.urlopen(request, timeout=_TIMEOUT):
            yield Finding(part, "hub", f"{endpoint} answers")
    except urllib.error.HTTPError as error:  # an answer all the same
        yield Finding(part, "hub", f"{endpoint} answers ({error.code})")
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", error)
        yield Finding(part, "hub", f"{endpoint} does not answer: {why}", "note", hint)


def models() -> Iterator[Finding]:
    """The models that work offline, as the builders of conf/model say; imports them."""
    part = "Models at hand"
    targets = {
        str(menu.read_choice("model", name).get("_target_")) for name in menu.choices("model")
    }
    for module in sorted({target.rpartition(".")[0] for target in targets if "." in target}):
        try:
            available = getattr(importlib.import_module(module), "available_offline", None)
            found = available() if available else []
        except (ImportError, IterunError) as error:
            yield Finding(part, module, f"can't be asked: {error}", "note")
            continue
        yield from (Finding(part, f"model={name}", where) for name, where in found)


def systems() -> Iterator[Finding]:
    """The systems that are configured."""
    try:
        found = menu.task_files()
    except IterunError as error:
        yield Finding("Systems", "conf", str(error), "bad", error.hint)
        return
    text = f"{count(len(found), 'system')} in {conf_dir()}"
    yield Finding(
        "Systems", "conf", text, "good" if found else "bad", "" if found else "reinstall iterun"
    )
