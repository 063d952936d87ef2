"""An adapter that somebody distilled, put on a diffusion model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from iterun.data.hub import first_line
from iterun.errors import ConfigError
from iterun.models import adapters
from iterun.models.lcm_rounds import STUDENT
from iterun.models.pipeline_files import lora_file
from iterun.types import WordConditioned

if TYPE_CHECKING:
    from torch import Tensor

    from iterun.types import DiffusionModel


def chosen(model: DiffusionModel, source: str | None) -> str:
    """Where the adapter comes from; the model need not be prepared.

    Args:
        model: what it is for.
        source: file:PATH, or OWNER/NAME on the hub; None: the one published for the model.

    Raises:
        ConfigError: there is none, no such file, one that is not marked as a file, or it holds no
            adapter for this kind of model.
    """
    if source is not None:
        _refuse_unmarked(source)
    elif isinstance(model, WordConditioned):
        source = model.lcm_lora
    if source is None:
        raise ConfigError(
            f"task.mode=sample task.lora=null: model={model.name} has no ready adapter",
            hint="distill one with task.mode=distill, then name its file: "
            "task.lora=file:RUN/artifacts/adapter.safetensors",
        )
    setting = f"task.lora={source}"
    if not isinstance(model, WordConditioned):
        _read(lora_file(source, setting), setting)
    elif source.startswith("file:") or source.count("/") != 1:
        lora_file(source, setting)
    return source


def put_on(model: DiffusionModel, source: str) -> None:
    """Put it on.

    Args:
        model: prepared, without adapters.
        source: as `chosen`.

    Raises:
        ConfigError: it cannot be had or read, or is made for another model.
    """
    if isinstance(model, WordConditioned):
        model.load_lora(source)
        return
    setting = f"task.lora={source}"
    adapters.load(model.module, _read(lora_file(source, setting), setting), setting)


def _refuse_unmarked(source: str) -> None:
    """A file counts by its content, and is found again, only where `file:` says that it is one."""
    if not source.startswith("file:") and Path(source).expanduser().exists():
        raise ConfigError(
            f"task.lora={source} is on this disk; without file: it is a repository of the hub",
            hint=f"task.lora=file:{source}",
        )


def _read(path: Path, setting: str) -> dict[str, Tensor]:
    """The adapters of a file that `adapters.tensors` were saved in."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        saved: dict[str, Tensor] = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ConfigError(
            f"{setting} cannot be read: {first_line(error)}", hint=adapters.DISTILLED
        ) from error
    if path.name == STUDENT:
        raise ConfigError(
            f"{setting} holds all weights of a student (task.variant=full); only adapters can be "
            "put on a model",
            hint="distill with task.variant=lora, and name the adapter.safetensors of that run",
        )
    adapters.check(saved, setting)
    return saved
