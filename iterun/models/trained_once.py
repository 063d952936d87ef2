"""Small networks trained on first use and kept in the user's cache folder."""

from __future__ import annotations

import logging
import os
import shutil
from typing import TYPE_CHECKING

from iterun.data.cache import cache_root, made_once

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import nn

log = logging.getLogger(__name__)

WEIGHTS = "model.safetensors"


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
