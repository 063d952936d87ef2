"""Small models trained on first use and kept in the user's cache folder: what they share."""

from __future__ import annotations

import json
import logging
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from iterun.data.cache import cache_root, digest, made_once
from iterun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from torch import nn

log = logging.getLogger(__name__)

WEIGHTS = "model.safetensors"


def recipe_key(parts: Sequence[object]) -> str:
    """16 hex digits of all that decides the weights; what JSON doesn't know enters by its text."""
    return digest(json.dumps(parts, default=str))[:16]


def major_versions(*libraries: str) -> list[str]:
    """Of libraries that weights depend on."""
    from importlib.metadata import version

    return [version(name).partition(".")[0] for name in libraries]


def check_counts(least: int, **settings: object) -> None:
    """Refuse what is no whole number of at least `least`.

    Raises:
        ConfigError: it names the first such one, as `model.NAME`.
    """
    for key, value in settings.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ConfigError(
                f"model.{key}={value} is not a whole number of at least {least}",
                hint=f"leave model.{key} away for its usual value",
            )


@contextmanager
def one_thread() -> Iterator[None]:
    """With two, on a busy machine, steps of nets this small take ten times as long."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def kept(name: str, build: Callable[[], nn.Module], train: Callable[[], nn.Module]) -> nn.Module:
    """A module trained once and kept in the cache folder; one that can't be read is trained again.

    Args:
        name: of its folder.
        build: makes it with any weights.
        train: makes it with the right ones.
    """
    from safetensors import SafetensorError

    from iterun.models.tensor_files import write_tensors

    folder = cache_root() / "models" / name

    def make(part: Path) -> None:
        write_tensors(part / WEIGHTS, train().state_dict())

    for is_second in (False, True):
        made_once(folder, make)
        try:
            return _read(folder / WEIGHTS, build)
        except (SafetensorError, OSError, RuntimeError) as error:
            if is_second:
                raise
            log.warning("%s cannot be read and is trained again: %s", folder, error)
            _discard(folder)
    raise AssertionError


def _read(path: Path, build: Callable[[], nn.Module]) -> nn.Module:
    import torch
    from safetensors.torch import load_file

    with torch.random.fork_rng(devices=[]):  # a new module's layers are drawn
        module = build()
    module.load_state_dict(load_file(path))
    return module.eval().requires_grad_(requires_grad=False)


def _discard(folder: Path) -> None:
    """Out of the way first, so that no other process finds half of it."""
    aside = folder.with_name(f".{folder.name}.damaged-{os.getpid()}")
    try:
        folder.rename(aside)
    except FileNotFoundError:  # another process was quicker
        return
    shutil.rmtree(aside, ignore_errors=True)
