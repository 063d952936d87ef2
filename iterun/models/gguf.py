"""A GGUF file, converted once to a folder of safetensors in the cache."""

from __future__ import annotations

import importlib.util
import logging
from contextlib import redirect_stderr
from io import StringIO
from typing import TYPE_CHECKING, Any

from iterun.data.cache import cache_root, file_digest, made_once
from iterun.data.hub import first_line
from iterun.errors import ConfigError, UnavailableError

if TYPE_CHECKING:
    from pathlib import Path


log = logging.getLogger(__name__)

RECIPE = "1"  # part of the folder's name: raise it when the conversion changes


def converted(file: Path) -> Path:
    """The folder of `file`'s model in half precision; made on first use, about 30 s for 135M.

    The quantized weights are unpacked and rounded to float16. The tokenizer is what transformers
    makes of the file: SmolLM2's splits digits off before spaces, which GGUF does not carry over (on
    pydoc 14.59 instead of 14.64 is the dense perplexity, on WikiText-2 there is no difference).

    Raises:
        UnavailableError: the package that reads GGUF is missing.
        ConfigError: the file is damaged or of an architecture that transformers cannot read.
    """
    name = f"{file.stem}-{file_digest(file)[:16]}-{RECIPE}"
    return made_once(cache_root() / "models" / name, lambda folder: _convert(file, folder))


def _convert(file: Path, folder: Path) -> None:
    if importlib.util.find_spec("gguf") is None:
        raise UnavailableError(
            f"reading {file.name} needs the package gguf", hint='pip install "iterun[gguf]"'
        )
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from iterun.models.lm import dtype_argument, quiet_loading

    place: dict[str, Any] = {"gguf_file": file.name, "local_files_only": True}
    log.info("converting %s to safetensors, once", file.name)
    try:
        with quiet_loading(), redirect_stderr(StringIO()):  # its bar cannot be turned off
            tokenizer = AutoTokenizer.from_pretrained(file.parent, **place)
            model = AutoModelForCausalLM.from_pretrained(
                file.parent, **place, **dtype_argument(torch.float16), **_unpacked()
            )
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
    except (OSError, ValueError, KeyError, IndexError, RuntimeError, SafetensorError) as error:
        if isinstance(error, OSError) and error.errno:
            raise  # of the disk, not of the file's content
        raise ConfigError(
            f"{file} cannot be converted: {first_line(error)}",
            hint="name a GGUF file of a Llama, Mistral or Qwen2 model, or a folder of safetensors",
        ) from error


def _unpacked() -> dict[str, Any]:
    """Newer transformers keep GGUF weights packed unless told otherwise."""
    import transformers

    config = getattr(transformers, "GgufConfig", None)
    return {} if config is None else {"quantization_config": config(dequantize=True)}
