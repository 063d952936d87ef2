"""Language models: from a folder of safetensors into memory, frozen and ready to be pruned.

`load` is what `conf/model/*.yaml` names; where the files come from is `snapshot`'s affair.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

from iterun.data.hub import first_line
from iterun.errors import ConfigError, UnavailableError
from iterun.models.forms import wrong_form
from iterun.models.snapshot import (
    STRUCTURE,
    Source,
    at_hand,
    available_offline,
    fingerprint,
    offline_hint,
    snapshot,
)
from iterun.types import ChatModel, LanguageModel, StreamedLanguageModel

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import torch
    from torch import nn

    from iterun.types import Placement

__all__ = [
    "CausalLM",
    "at_hand",
    "available_offline",
    "fingerprint",
    "load",
    "load_folder",
    "snapshot",
]

#: settings that decide no number but the last bits of a chat model's
NO_NUMBERS = frozenset({"batch_size", "prefix_cache_mb"})


@dataclass(kw_only=True)
class CausalLM:
    """A causal language model in memory (types.LanguageModel)."""

    name: str
    module: nn.Module
    tokenizer: Any
    context: int
    folder: Path

    @property
    def blocks(self) -> Mapping[str, nn.Module]:
        from iterun.models.blocks import find_blocks

        return find_blocks(self.module)


def load(
    form: type,
    place: Placement,
    *,
    name: str,
    kinds: Sequence[str] | None = None,
    batch_size: int = 16,
    prefix_cache_mb: float = 512,
    **settings: Unpack[Source],
) -> LanguageModel | StreamedLanguageModel | ChatModel:
    """Build the model of a `conf/model/*.yaml` in the form asked for.

    Args:
        form: `types.LanguageModel` (in memory), `types.StreamedLanguageModel` (left on disk) or
            `types.ChatModel` (in memory, with its own decoding).
        place: device and dtype.
        name: as typed after `model=`.
        kinds: what the choice can be used as; judged before this is called.
        batch_size: replies that a chat model decodes at once.
        prefix_cache_mb: megabytes of prompts that a chat model keeps.
        **settings: where its files are.

    Raises:
        ConfigError: the model is not there, not whole, or not a causal language model.
    """
    if form not in (LanguageModel, StreamedLanguageModel, ChatModel):
        raise wrong_form(name, "a language model", form, kinds or ["lm"])
    if form is ChatModel:
        from iterun.models.chat.checks import check_settings

        check_settings(batch_size, prefix_cache_mb)  # before anything is fetched
    folder = snapshot({"name": name, **settings})
    if form is StreamedLanguageModel:
        from iterun.models.stream import open_folder

        return open_folder(folder, name, place)
    model = load_folder(folder, name, place)
    if form is not ChatModel:
        return model
    from iterun.models.chat.local import LocalChat

    return LocalChat(model, batch_size=batch_size, prefix_cache_mb=prefix_cache_mb)


def load_folder(folder: Path, name: str, place: Placement) -> CausalLM:
    """The model in `folder` on `place`, in eval mode, no parameter requiring a gradient."""
    import torch
    from safetensors import SafetensorError

    try:
        module, tokenizer = _from_pretrained(folder, name, place)
    except torch.OutOfMemoryError as error:
        raise ConfigError(
            f"model={name} does not fit into the memory of {place.device}",
            hint="leave it on disk, block by block: task.stream=true; or a smaller model=",
        ) from error
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise ConfigError(
            f"model={name} cannot be loaded from {folder}: {first_line(error)}",
            hint=f"fetch or save it anew, or use {offline_hint()}",
        ) from error
    return CausalLM(
        name=name,
        module=module,
        tokenizer=tokenizer,
        context=context_of(module.config, name),
        folder=folder,
    )


def context_of(config: Any, name: str) -> int:
    """The longest window that a model's config allows, tokens."""
    for key in ("max_position_embeddings", "n_positions", "max_sequence_length"):
        if length := getattr(config, key, None):
            return int(length)
    raise ConfigError(
        f"model={name}: its config.json does not say how long its context is",
        hint='add "max_position_embeddings" to it',
    )


def dtype_argument(dtype: torch.dtype) -> dict[str, torch.dtype]:
    """`from_pretrained`'s word for the dtype, which changed with transformers 4.56."""
    from importlib.metadata import version

    major, minor = (int(part) for part in version("transformers").split(".")[:2])
    return {"dtype" if (major, minor) >= (4, 56) else "torch_dtype": dtype}


@contextmanager
def quiet_loading() -> Iterator[None]:
    """No bars and remarks from transformers: the run shows its own."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _from_pretrained(folder: Path, name: str, place: Placement) -> tuple[nn.Module, Any]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    safe: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}
    with quiet_loading():
        tokenizer = AutoTokenizer.from_pretrained(folder, **safe)
        if (folder / STRUCTURE).is_file():
            from iterun.models.compact import load_compact

            device, dtype = torch.device(place.device), getattr(torch, place.dtype)
            return load_compact(folder, device, dtype), tokenizer
        module, found = AutoModelForCausalLM.from_pretrained(
            folder,
            use_safetensors=True,
            output_loading_info=True,
            **safe,
            **dtype_argument(getattr(torch, place.dtype)),
            **_spread(name, place),
        )
    if missing := sorted(found["missing_keys"]):
        # transformers would go on with random weights in their place.
        raise ConfigError(
            f"model={name}: {folder} lacks the weights {', '.join(missing[:3])}"
            + (f" and {len(missing) - 3} more" if len(missing) > 3 else ""),
            hint="save the whole model anew with save_pretrained",
        )
    if place.device_map is None:
        module.to(place.device)
    return module.eval().requires_grad_(requires_grad=False), tokenizer


def _spread(name: str, place: Placement) -> dict[str, str]:
    """The device map, for models larger than one card."""
    from importlib.util import find_spec

    if place.device_map is None:
        return {}
    if find_spec("accelerate") is None:
        raise UnavailableError(
            f"backend.device_map={place.device_map} needs the package accelerate for model={name}",
            hint='pip install "iterun[hub]"',
        )
    return {"device_map": place.device_map}
