"""Windows of text: to evaluate on, and to calibrate with or read back from a run's artifact."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterun.data.batches import TrainingText
from iterun.data.cache import digest
from iterun.errors import ConfigError
from iterun.models.perplexity import windows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Generator, Tensor

PREFIX = "file:"
KEY = "input_ids"
LONGEST = 4096  # tokens of a window, where the context gives its length


def read_windows(setting: str) -> Tensor:
    """The windows of `file:PATH`, a calibration.safetensors; int64, (n, length).

    Raises:
        ConfigError: no such file, or not of this form.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(setting.removeprefix(PREFIX)).expanduser()
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            ids: Tensor = file.get_tensor(KEY)
    except FileNotFoundError as error:
        raise ConfigError(
            f"task.calibration={setting}: there is no such file",
            hint="name the artifacts/calibration.safetensors of a run",
        ) from error
    except (OSError, SafetensorError) as error:
        raise ConfigError(
            f"task.calibration={setting} holds no tensor {KEY}: {error}",
            hint="name the artifacts/calibration.safetensors of a run",
        ) from error
    if ids.dim() != 2 or ids.is_floating_point() or ids.is_complex() or not ids.numel():
        raise ConfigError(
            f"task.calibration={setting}: {KEY} is {ids.dtype} of shape {tuple(ids.shape)}",
            hint="it should be whole numbers of shape (windows, tokens)",
        )
    return ids.long()


def training_text(
    documents: Sequence[str], tokenizer: Any, length: int, generator: Generator
) -> TrainingText:
    """Documents to train on, in sequences of at most `length` tokens.

    Raises:
        ConfigError: the one that the generator draws, and others, have nothing to predict.
    """
    text = TrainingText(documents, tokenizer, length)
    text.batch(1, generator)
    return text


def evaluation_windows(model: Any, data: Any, length: int | None, limit: int | None) -> Tensor:
    """Windows of the held-out text to measure perplexity on; int64, (n, length).

    Args:
        model: gives tokenizer and context.
        data: a types.TextDataset.
        length: tokens a window; None: the context.
        limit: at most so many; None: all, or as many as the data's published figures take.

    Raises:
        ConfigError: windows longer than the context, or than the text.
    """
    length = length or model.context
    if length > model.context:
        raise too_long("task.eval_seqlen gives windows", length, model.context)
    return windows(model.tokenizer, data.text("test"), length, limit or data.max_windows)


def check_windows(ids: Tensor, setting: str, context: int, vocabulary: int) -> None:
    """Hold windows that were read against the model.

    Raises:
        ConfigError: they are too long, or of another vocabulary.
    """
    if ids.shape[1] > context:
        raise too_long(f"task.calibration={setting} holds windows", ids.shape[1], context)
    if int(ids.min()) < 0 or int(ids.max()) >= vocabulary:
        raise ConfigError(
            f"task.calibration={setting} holds the token {int(ids.max())}; "
            f"the model knows {vocabulary}",
            hint="use the calibration of a run with the same model",
        )


def mark_of(ids: Tensor) -> str:
    """What tells these windows, (n, length), from others."""
    return digest(str(tuple(ids.shape)), ids.numpy().tobytes())


def length_of(
    setting: int | None, context: int, *, name: str = "calibration_len", longest: int = LONGEST
) -> int:
    """The length of windows, tokens: as set, or the model's context, at most `longest`.

    Raises:
        ConfigError: it is longer than the context.
    """
    if setting is None:
        return min(context, longest)
    if setting > context:
        raise too_long(f"task.{name} gives windows", setting, context)
    return setting


def too_long(what: str, length: int, context: int) -> ConfigError:
    """The error of windows that the model cannot take."""
    return ConfigError(
        f"{what} of {length} tokens; the model's context is {context}",
        hint=f"take at most {context}",
    )


def vocabulary_of(module: Any) -> int:
    """How many tokens a model's embedding knows."""
    return int(module.get_input_embeddings().weight.shape[0])
