"""Names of runs and sweeps: made once, in the name of the directory.

    outputs/<family>/<system>/<yyyymmdd-hhmmss>-<model or data>-<id>/
    outputs/.sweeps/<yyyymmdd-hhmmss>-<id>/

A job of a sweep gets its id from the sweep and its number, so that a job that is queued again finds
the directory it had.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from iterun.store import paths

if TYPE_CHECKING:
    from collections.abc import Callable

    from omegaconf.basecontainer import BaseContainer

ID_LENGTH = 8  # 40 bits: among 100,000 runs two of the same id are a 1 in 200 chance
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_OWN_NAME = re.compile(rf"(\d{{8}}-\d{{6}})-(?:.*-)?([a-z2-7]{{{ID_LENGTH}}})")
_SYSTEM = ("task.about.system", "hydra.runtime.choices.task")
_LONGEST = 40  # characters of a model's or a data set's name


def new_id() -> str:
    """Eight characters of a-z and 2-7, at random."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(ID_LENGTH))


def id_of(directory: Path) -> str:
    """The id in a directory's name; a new one if it was named by the user."""
    found = _OWN_NAME.fullmatch(directory.name)
    return found.group(2) if found else new_id()


def sweep_stamp(folder: Path) -> str | None:
    """When a sweep began, by its folder's name; None if it was named by the user."""
    found = _OWN_NAME.fullmatch(folder.name)
    return found.group(1) if found else None


def job_id(sweep: str, job: str) -> str:
    """The id of job number `job` of a sweep, the same each time."""
    digest = hashlib.sha256(f"{sweep}\0{job}".encode()).digest()
    return "".join(_ALPHABET[byte % 32] for byte in digest[:ID_LENGTH])


def system_of(about: str | None, choice: str | None = None) -> str:
    """The system's name as folders: what `about.system` says, else what was typed after `task=`."""
    parts = [_plain(part) for part in (about or choice or "").split("/")]
    parts = [part for part in parts if part]
    if not parts:
        parts = ["unnamed"]
    return "/".join(parts if len(parts) > 1 else parts * 2)


def register_resolvers(outputs: Path) -> None:
    """Tell OmegaConf the resolvers that `conf/config.yaml` names.

    What they give is kept in the config's own cache, which Hydra copies from a sweep to its jobs.

    Args:
        outputs: where runs live.
    """
    from omegaconf import OmegaConf

    root = outputs.absolute()

    def kept(config: BaseContainer, key: str, make: Callable[[], str]) -> str:
        cache = OmegaConf.get_cache(config)["iterun"]
        if key not in cache:
            cache[key] = make()
        return str(cache[key])

    def folder(config: BaseContainer, started: str, make_id: Callable[[], str]) -> str:
        system = system_of(*(_select(config, key) for key in _SYSTEM))
        name = _select(config, "model.name") or _select(config, "data.name")
        return str(root / system / f"{started}-{_label(name)}{make_id()}")

    def run_dir(*, _root_: BaseContainer) -> str:
        return kept(_root_, "run", lambda: folder(_root_, now(), new_id))

    def sweep_dir(*, _root_: BaseContainer) -> str:
        return kept(_root_, "sweep", lambda: str(root / paths.SWEEPS / f"{now()}-{new_id()}"))

    def job_dir(*, _root_: BaseContainer) -> str:
        sweep, number = _select(_root_, "hydra.sweep.dir"), _select(_root_, "hydra.job.num")
        started = _OWN_NAME.fullmatch(Path(sweep).name)
        stamp = started.group(1) if started else kept(_root_, "stamp", now)
        # A folder that the user names may be used again, for other jobs.
        key = sweep if started else kept(_root_, "key", lambda: f"{sweep}@{stamp}")
        return kept(_root_, "job", lambda: folder(_root_, stamp, lambda: job_id(key, number)))

    for resolver in (run_dir, sweep_dir, job_dir):
        OmegaConf.register_new_resolver(f"iterun.{resolver.__name__}", resolver, replace=True)


def now() -> str:
    """This second, local time, as it stands in names."""
    return datetime.now().strftime("%Y%m%d-%H%M%S")


def _select(config: BaseContainer, key: str) -> str:
    from omegaconf import OmegaConf

    found = OmegaConf.select(config, key, throw_on_missing=False)
    return "" if found is None else str(found)


def new_directory(outputs: Path, system: str, name: str) -> Path:
    """Where a new run goes that no config of Hydra's names.

    Args:
        outputs: where runs live.
        system: "prune/perp".
        name: of the model, or of the data; may be empty.
    """
    return outputs / system_of(system) / f"{now()}-{_label(name)}{new_id()}"


def _label(name: str) -> str:
    """The model's or the data's name, fit for a file name, with a dash behind it; or nothing."""
    label = _plain(name.rstrip("/").rpartition("/")[2])[:_LONGEST].strip("-.")
    return f"{label}-" if label else ""


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")
