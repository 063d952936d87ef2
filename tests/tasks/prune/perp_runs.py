"""Small random models, a text, and runs of prune/perp on them, in any process."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import torch
from task_runs import done
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    OPTConfig,
    OPTForCausalLM,
    PreTrainedTokenizerFast,
)

from iterun.models.lm import quiet_loading

if TYPE_CHECKING:
    from pathlib import Path

    from iterun.store.reader import RunView

WORDS = [f"w{i}" for i in range(60)]
TINY = [
    "task=prune/perp", "backend=cpu", "backend.threads=1", "task.steps=4",
    "task.steps_per_iteration=2", "task.batch_size=2", "task.n_calibration=4",
    "task.calibration_len=16", "task.eval_seqlen=16", "task.eval_windows=4",
]  # fmt: skip

ALL_SMALL = "task.train=[biases,norm,head,embeddings,lora]"
MODES = {
    "small": ["task.train=[biases,norm]"],
    "everything-small": [ALL_SMALL],
    "lora_prune": ["task.train=[lora]", "task.lora_type=lora_prune"],
    "scale_lora": ["task.train=[norm,lora]", "task.lora_type=scale_lora"],
    "plain": ["task.train=[biases,lora]", "task.lora_type=lora", "task.merge=false"],
    "full": ["task.train=[full]"],
    "cycles": ["task.cycles=3", "task.train=[norm,head,lora]", "task.steps=6"],
    "sparsegpt": ["task.criterion=sparsegpt", "task.train=[biases]"],
    "random-cycles": ["task.criterion=random", "task.cycles=2"],
    "reconstruct": ["task.mode=reconstruct", "task.criterion=wanda"],
    "reconstruct-lora": ["task.mode=reconstruct", "task.train=[norm,lora]", "task.stream=true"],
    "reconstruct-sparsegpt": ["task.mode=reconstruct", "task.criterion=sparsegpt"],
    "none": ["task.mode=none"],
    "none-wanda-stream": ["task.mode=none", "task.criterion=wanda", "task.stream=true"],
}


def tokenizer() -> PreTrainedTokenizerFast:
    words = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, "w0"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=words, unk_token="w0")


def save(model: torch.nn.Module, folder: Path, **options: object) -> Path:
    with quiet_loading():
        model.save_pretrained(folder, **options)
    tokenizer().save_pretrained(folder)
    return folder


def opt(n_blocks: int = 3, **changes: object) -> OPTForCausalLM:
    """Random, with weights wide enough that pruning changes what it computes."""
    torch.manual_seed(0)
    sizes = dict(hidden_size=32, word_embed_proj_dim=32, ffn_dim=64, num_attention_heads=2)
    config = OPTConfig(
        vocab_size=60, num_hidden_layers=n_blocks, max_position_embeddings=32, dropout=0.0,
        init_std=0.2, bos_token_id=0, eos_token_id=0, pad_token_id=0, **(sizes | changes),
    )  # fmt: skip
    model = OPTForCausalLM(config)
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.1)
    return model


def llama(n_blocks: int = 2) -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=60, hidden_size=32, intermediate_size=48, num_hidden_layers=n_blocks,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=32,
        initializer_range=0.2, tie_word_embeddings=False, bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    return LlamaForCausalLM(config)


def text(path: Path) -> Path:
    """Words that follow one another with some order, 6,000 of them."""
    draw = random.Random(0)
    at, found = 0, []
    for _ in range(6000):
        at = (at * 7 + draw.randrange(4)) % len(WORDS)
        found.append(WORDS[at])
    path.write_text(" ".join(found))
    return path


def run(directory: Path, model: Path, data: Path, *overrides: str) -> RunView:
    return done(directory, [*TINY, f"model={model}", f"data={data}", *overrides])
