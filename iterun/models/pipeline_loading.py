"""A diffusion pipeline out of its folder, through diffusers: frozen, on its device."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from iterun.data.hub import first_line
from iterun.errors import ConfigError
from iterun.models.lm import quiet_loading
from iterun.models.pipeline_files import INDEX, OFFLINE, WITH_WEIGHTS, folder_of, variant

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from iterun.types import Placement

CLASSES = ("StableDiffusionPipeline", "StableDiffusionXLPipeline")


def from_pretrained(settings: Mapping[str, Any], name: str, place: Placement) -> Any:
    """The pipeline of a `model=` choice.

    Args:
        settings: where its files are (`pipeline_files.folder_of`).
        name: as typed.
        place: device and dtype.

    Raises:
        ConfigError: it cannot be had, is of another class, or is damaged.
    """
    import torch
    from safetensors import SafetensorError

    dtype = getattr(torch, place.dtype)
    half = dtype is not torch.float32
    folder = folder_of(settings, half=half)
    cls = json.loads((folder / INDEX).read_text(encoding="utf-8")).get("_class_name")
    if cls not in CLASSES:
        raise ConfigError(
            f"model={name} is a {cls}, and iterun knows {', '.join(CLASSES)}",
            hint=f"take one of these, or {OFFLINE}",
        )
    import diffusers

    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*.safetensors")]
    # The filter of the first versions is neither fetched nor loaded: pictures stay as they are.
    without = {"safety_checker": None, "requires_safety_checker": False}
    diffusers.utils.logging.disable_progress_bar()
    try:
        with quiet_loading():
            pipe = getattr(diffusers, cls).from_pretrained(
                folder,
                **_dtype_argument(dtype),
                variant=variant(names, half=half),
                use_safetensors=True,
                local_files_only=True,
                **(without if cls == CLASSES[0] else {}),
            )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise ConfigError(
            f"model={name} cannot be loaded from {folder}: {first_line(error)}",
            hint=f"fetch or save it anew, or use {OFFLINE}",
        ) from error
    pipe = pipe.to(place.device)
    for part in WITH_WEIGHTS:
        if (module := getattr(pipe, part, None)) is not None:
            module.eval().requires_grad_(requires_grad=False)
    return pipe


def _dtype_argument(dtype: torch.dtype) -> dict[str, torch.dtype]:
    """`from_pretrained`'s word for the dtype, which diffusers is renaming."""
    from diffusers.utils import deprecation_utils

    renamed = hasattr(deprecation_utils, "_resolve_dtype")
    return {"dtype" if renamed else "torch_dtype": dtype}
