"""An adapter that somebody distilled, put on a diffusion model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterun.data.hub import first_line
from iterun.errors import ConfigError
from iterun.models import adapters
from iterun.models.pipeline_files import lora_file
from iterun.types import WordConditioned

if TYPE_CHECKING:
    from iterun.types import DiffusionModel


def chosen(model: DiffusionModel, source: str | None) -> str:
    """Where the adapter comes from; the model need not be prepared.

    Args:
        model: what it is for.
        source: file:PATH, or OWNER/NAME on the hub; None: the one published for the model.

    Raises:
        ConfigError: there is none, or no such file.
    """
    if source is None and isinstance(model, WordConditioned):
        source = model.lcm_lora
    if source is None:
        raise ConfigError(
            f"task.mode=sample task.lora=null: model={model.name} has no ready adapter",
            hint="distill one with task.mode=distill, then name its file: "
            "task.lora=file:RUN/artifacts/adapter.safetensors",
        )
    if source.startswith("file:") or source.count("/") != 1:
        lora_file(source, f"task.lora={source}")
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
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    setting = f"task.lora={source}"
    path = lora_file(source, setting)
    try:
        saved = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ConfigError(
            f"{setting} cannot be read: {first_line(error)}",
            hint="name the adapter.safetensors of a run of task=sample/lcm_lora",
        ) from error
    adapters.load(model.module, saved, setting)
