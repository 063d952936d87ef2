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
from typing import TYPE_CHECKING

from iterun.store import paths

if TYPE_CHECKING:
    from pathlib import Path

ID_LENGTH = 8  # 40 bits: among 100,000 runs two of the same id are a 1 in 200 chance
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_OWN_NAME = re.compile(rf"\d{{8}}-\d{{6}}-.*?([a-z2-7]{{{ID_LENGTH}}})$")
_LONGEST = 40  # characters of a model's or a data set's name


def new_id() -> str:
    """Eight characters of a-z and 2-7, at random."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(ID_LENGTH))


def id_of(directory: Path) -> str:
    """The id in a directory's name; a new one if it was named by the user."""
    found = _OWN_NAME.match(directory.name)
    return found.group(1) if found else new_id()


def job_id(sweep_dir: str, started: str, job: int) -> str:
    """The id of job number `job` of a sweep, the same each time."""
    digest = hashlib.sha256(f"{sweep_dir}\0{started}\0{job}".encode()).digest()
    return "".join(_ALPHABET[byte % 32] for byte in digest[:ID_LENGTH])


def system_of(about: str | None, choice: str | None) -> str:
    """The system's name as folders: what `about.system` says, else what was typed after `task=`."""
    parts = [_plain(part) for part in (about or choice or "").split("/")]
    parts = [part for part in parts if part]
    if not parts:
        parts = ["unnamed"]
    return "/".join(parts if len(parts) > 1 else parts * 2)


def register_resolvers(outputs: Path) -> None:
    """Tell OmegaConf the resolvers that `conf/config.yaml` names.

    Args:
        outputs: where runs live.
    """
    from omegaconf import OmegaConf

    root = outputs.absolute()

    def run_dir(about: str | None, choice: str | None, model: str | None, data: str | None) -> str:
        return str(root / system_of(about, choice) / f"{now()}-{_label(model, data)}{new_id()}")

    def sweep_dir(started: str) -> str:
        return str(root / paths.SWEEPS / f"{started}-{new_id()}")

    def job_dir(
        sweep: str, started: str, job: int,
        about: str | None, choice: str | None, model: str | None, data: str | None,
    ) -> str:  # fmt: skip
        name = f"{started}-{_label(model, data)}{job_id(sweep, started, job)}"
        return str(root / system_of(about, choice) / name)

    for resolver in (run_dir, sweep_dir, job_dir):
        name = f"iterun.{resolver.__name__}"
        OmegaConf.register_new_resolver(name, resolver, replace=True, use_cache=True)


def now() -> str:
    """This second, local time, as it stands in names."""
    return datetime.now().strftime("%Y%m%d-%H%M%S")


def _label(model: str | None, data: str | None) -> str:
    """The model's or the data's name, fit for a file name, with a dash behind it; or nothing."""
    name = str(model or data or "").rstrip("/").rpartition("/")[2]
    label = _plain(name)[:_LONGEST].strip("-.")
    return f"{label}-" if label else ""


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")
