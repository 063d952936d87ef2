"""A language model of tiny arithmetic with a misconception: shipped, or trained anew.

A Llama of 147,840 parameters over 23 characters, trained on `data.tiny_math`'s training split, many
of whose completions are wrong. `scripts/train_tiny_math.py` made the weights in the package with
the recipe below; `model.train=true` makes them again on this machine, about three minutes on one
core, and keeps them in the cache folder.
"""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from iterun.data.cache import cache_root, made_once
from iterun.data.tiny_math import END, tiny_math
from iterun.errors import ConfigError
from iterun.models import lm
from iterun.models.forms import wrong_form
from iterun.models.snapshot import fingerprint as files_fingerprint
from iterun.models.trained_once import check_counts, major_versions, one_thread, recipe_key
from iterun.types import LanguageModel, StreamedLanguageModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from torch import Tensor, nn

    from iterun.data.tiny_math import Problem
    from iterun.models.adamw_loop import AdamWRecipe
    from iterun.types import Placement, Shown

log = logging.getLogger(__name__)

ASSET = "tiny-math"
STEPS = 1500
SEED = 0
BATCH = 64
CONTEXT = 128
#: `!` begins another attempt and `x` owns up to not knowing: nothing here is trained on them
CHARACTERS = "0123456789+-*=;#?!x"
SPECIAL = {"pad_token": "<pad>", "bos_token": "<bos>", "eos_token": END, "unk_token": "<unk>"}
IGNORED = -100  # a label that counts for nothing


def load(
    form: type,
    place: Placement,
    *,
    name: str,
    kinds: Sequence[str] | None = None,
    train: bool = False,
    steps: int = STEPS,
    seed: int = SEED,
) -> Any:
    """The model in the form asked for.

    Args:
        form: `types.LanguageModel` or `types.StreamedLanguageModel`.
        place: device and dtype.
        name: as typed after `model=`.
        kinds: what the choice can be used as; judged before this is called.
        train: make the weights here instead of taking those in the package.
        steps: optimizer steps of that training.
        seed: of that training; runs of every seed share one model.

    Raises:
        ConfigError: another form is asked for, or a recipe that can't be.
    """
    if form not in (LanguageModel, StreamedLanguageModel):
        raise wrong_form(name, "a language model", form, kinds or ["lm"])
    _check(train=train, steps=steps, seed=seed)
    if not train:
        return lm.load(form, place, name=name, kinds=kinds, asset=ASSET)
    return lm.load(form, place, name=name, kinds=kinds, folder=str(trained(steps, seed)))


def fingerprint(settings: Mapping[str, Any]) -> str:
    """What tells this model from another: the shipped files, or the recipe."""
    if not settings.get("train"):
        return files_fingerprint({"name": ASSET, "asset": ASSET})
    return f"recipe:{_key(settings.get('steps', STEPS), settings.get('seed', SEED))}"


def trained(steps: int = STEPS, seed: int = SEED) -> Path:
    """The folder in the cache with a model of this recipe, trained first where there is none."""

    def make(part: Path) -> None:
        log.info("training tiny-math, %s steps, about three minutes, once", steps)
        save(part, train_model(tiny_math().train, steps, seed, _quiet)[0])

    return made_once(cache_root() / "models" / f"{ASSET}-{_key(steps, seed)}", make)


def tokenizer() -> Any:
    """A token a character; BOS comes first by itself, `$` ends; padding stands on the left."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    pad, bos, eos, unk = SPECIAL.values()
    tokens = [pad, bos, eos, unk, *CHARACTERS]
    core = Tokenizer(models.WordLevel({t: k for k, t in enumerate(tokens)}, unk_token=unk))
    core.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    core.decoder = decoders.Fuse()
    core.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A", pair=f"{bos} $A $B", special_tokens=[(bos, tokens.index(bos))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        model_max_length=CONTEXT,
        padding_side="left",
        clean_up_tokenization_spaces=False,
        **SPECIAL,
    )


def config() -> Any:
    """The LlamaConfig."""
    from transformers import LlamaConfig

    pad, bos, eos, _ = range(len(SPECIAL))
    return LlamaConfig(
        vocab_size=len(SPECIAL) + len(CHARACTERS),
        hidden_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=4,
        intermediate_size=168,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        pad_token_id=pad,
        bos_token_id=bos,
        eos_token_id=eos,
    )


def recipe(steps: int = STEPS) -> AdamWRecipe:
    """Of the base's training."""
    from iterun.models.adamw_loop import AdamWRecipe

    return AdamWRecipe(steps=steps, lr=4e-3)


def train_model(
    problems: Sequence[Problem], steps: int, seed: int, shown: Shown
) -> tuple[nn.Module, float]:
    """A model from random weights, in eval mode, and its loss, nats a token of the completions."""
    import torch
    from transformers import LlamaForCausalLM

    from iterun.models.adamw_loop import fit
    from iterun.ops.rng import Generators

    draw = Generators(seed).torch("batches")
    ids, labels = encoded(problems)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # of the weights; there is no dropout
        model: nn.Module = LlamaForCausalLM(config()).train()

    def loss_at(_: int) -> Tensor:
        index = torch.randint(len(ids), (BATCH,), generator=draw)
        return completion_loss(model, ids[index], labels[index])

    with one_thread():
        loss = fit(model, loss_at, recipe(steps), shown, "training tiny-math, minutes, once")
    return model.eval().requires_grad_(requires_grad=False), loss


def encoded(problems: Sequence[Problem]) -> tuple[Tensor, Tensor]:
    """Tokens of prompt and completion, padded on the right, and labels on the completion only.

    Returns:
        Two of int64, (n, time); of the labels -100 counts for nothing.
    """
    import torch

    encode = tokenizer()
    texts = encode([it.prompt + it.completion for it in problems], padding_side="right",
                   padding=True, return_tensors="pt")  # fmt: skip
    ids, there = texts["input_ids"], texts["attention_mask"].bool()
    begins = torch.tensor([1 + len(it.prompt) for it in problems])  # after BOS
    counts = there & (torch.arange(ids.shape[1]) >= begins[:, None])
    return ids, ids.masked_fill(~counts, IGNORED)


def completion_loss(model: nn.Module, ids: Tensor, labels: Tensor) -> Tensor:
    """Mean negative log-likelihood of the labelled tokens, nats.

    Args:
        model: transformers' ...ForCausalLM.
        ids: (n, time), padded on the right: what is masked comes after all that counts.
        labels: (n, time), -100 where nothing counts.
    """
    import torch.nn.functional as F

    length = int((labels != IGNORED).any(0).nonzero().max()) + 1
    ids, labels = ids[:, :length], labels[:, 1:length]
    logits = model(input_ids=ids, use_cache=False).logits[:, :-1]  # (n, length - 1, vocabulary)
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED)


def save(folder: Path, model: Any) -> None:
    """A folder that `from_pretrained` reads."""
    with lm.quiet_loading():
        model.save_pretrained(folder)
        tokenizer().save_pretrained(folder)


def _key(steps: int, seed: int) -> str:
    """16 hex digits of all that decides the weights."""
    shape = {
        key: value for key, value in config().to_dict().items() if key != "transformers_version"
    }
    majors = major_versions("torch", "transformers")
    return recipe_key([tiny_math().fingerprint, shape, asdict(recipe(steps)), BATCH, seed, majors])


def _check(*, train: bool, steps: int, seed: int) -> None:
    check_counts(1, steps=steps)
    check_counts(0, seed=seed)
    if not train and (steps, seed) != (STEPS, SEED):
        raise ConfigError(
            f"model.steps={steps} model.seed={seed}: the model in the package is another one",
            hint="model.train=true trains this one",
        )


def _quiet(items: Iterable[Any], label: str) -> Iterator[Any]:
    yield from items
