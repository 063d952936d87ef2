"""Train opt-mini, the embedded language model, from text that comes with Python.

    python scripts/train_opt_mini.py --work FOLDER [--steps N] [--resume] [--export]

Text: pydoc's topics (the first 80 %, less a sixteenth kept as dev) and the docstrings of the
standard library; topics count twice. The last 20 % of the topics are measured once, at the end.
FOLDER gets log.txt and, every 250 steps, step-N/. The model is the mean of the last checkpoints: it
memorizes the topics, and the mean of its path predicts new text far better than its end. How many
is chosen on dev. `--export` writes it in half precision and with its model card to
iterun/models/assets/opt-mini. One thread, 1 s a step.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import opt_mini_card as card
import torch
from safetensors.torch import load_file, save_file
from transformers import OPTForCausalLM, PreTrainedTokenizerFast

from iterun.data import pydoc_text
from iterun.models import opt
from iterun.models.perplexity import perplexity, windows

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor, nn

CONTEXT = 256
BATCH = 12
PEAK_LR = 3e-3
WARMUP = 200
EVERY = 250
SEED = 0
ASSETS = Path(__file__).parents[1] / "iterun" / "models" / "assets" / "opt-mini"


def corpus() -> dict[str, str]:
    """The texts by name: train, dev, test (of the topics), docstrings."""
    splits = pydoc_text.split(pydoc_text.topics())
    return {**splits, "docstrings": pydoc_text.stdlib_docstrings()}


def make_tokenizer(texts: dict[str, str]) -> PreTrainedTokenizerFast:
    """Byte-level BPE of 4096 tokens, trained on the training text only."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=opt.SHAPES["opt-mini"].vocabulary,
        special_tokens=["<pad>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator([texts["train"], texts["train"], texts["docstrings"]], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token="</s>",
        eos_token="</s>",
        unk_token="</s>",
        pad_token="<pad>",
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
    )


def make_optimizer(model: nn.Module) -> torch.optim.AdamW:
    matrices = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=PEAK_LR, betas=(0.9, 0.95), fused=True)


def lr_factor(step: int, steps: int) -> float:
    return min((step + 1) / WARMUP, max(0.0, (steps - step) / (steps - WARMUP)))


def batch_at(ids: NDArray[np.int64], step: int) -> Tensor:
    """Random windows, a function of the seed and the step: a resumed training draws the same."""
    starts = np.random.default_rng((SEED, step)).integers(0, len(ids) - CONTEXT, BATCH)
    return torch.from_numpy(np.stack([ids[s : s + CONTEXT] for s in starts]))  # (batch, context)


def one_step(model: nn.Module, optimizer: torch.optim.AdamW, batch: Tensor, factor: float) -> float:
    """One optimizer step at `factor` of the peak rate; the loss before it, nats a token."""
    for group in optimizer.param_groups:
        group["lr"] = PEAK_LR * factor
    logits = model(input_ids=batch, use_cache=False).logits[:, :-1]  # (batch, time - 1, vocab)
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return float(loss.detach())


def save(folder: Path, model: nn.Module, optimizer: torch.optim.AdamW, seconds: float) -> None:
    """All that `restore` needs, and CPU seconds; the weights last: they say the folder is whole."""
    folder.mkdir(exist_ok=True)
    state = {"rng": torch.get_rng_state()}
    for index, values in optimizer.state_dict()["state"].items():
        state |= {f"{index}.{key}": value for key, value in values.items()}
    weights = {name: w for name, w in model.state_dict().items() if name != "lm_head.weight"}
    (folder / "progress.json").write_text(json.dumps({"seconds": round(seconds)}))
    save_file(state, folder / "optimizer.safetensors")
    save_file(weights, folder / "part")
    (folder / "part").rename(folder / "model.safetensors")


def restore(folder: Path, model: nn.Module, optimizer: torch.optim.AdamW) -> float:
    """Put weights, optimizer and dropout's generator back; the CPU seconds spent until then."""
    model.load_state_dict(load_file(folder / "model.safetensors"), strict=False)  # the head is tied
    state = load_file(folder / "optimizer.safetensors")
    torch.set_rng_state(state.pop("rng"))
    whole = optimizer.state_dict()
    for name, value in state.items():
        index, key = name.split(".")
        whole["state"].setdefault(int(index), {})[key] = value
    optimizer.load_state_dict(whole)
    return float(json.loads((folder / "progress.json").read_text())["seconds"])


def newest(work: Path) -> int:
    """The last step with a whole checkpoint; 0: none."""
    done = [int(path.parent.name[5:]) for path in work.glob("step-*/model.safetensors")]
    return max(done, default=0)


def train(args: argparse.Namespace, texts: dict[str, str], tokenizer: Any) -> nn.Module:
    """Train from scratch, or from the newest checkpoint; the model as it is at the last step."""
    topics, docstrings = (encode(tokenizer, texts[part]) for part in ("train", "docstrings"))
    ids, dev = np.concatenate([topics, topics, docstrings]), windows(tokenizer, texts["dev"], 128)
    torch.manual_seed(SEED)  # of the weights, and of dropout
    model: nn.Module = OPTForCausalLM(opt.config("opt-mini")).train()
    optimizer = make_optimizer(model)
    first, before = newest(args.work) if args.resume else 0, 0.0
    if first:
        before = restore(args.work / f"step-{first}", model, optimizer)
    clock = time.process_time() - before
    for step in range(first, args.steps):
        loss = one_step(model, optimizer, batch_at(ids, step), lr_factor(step, args.steps))
        if (step + 1) % EVERY == 0 or step + 1 == args.steps:
            seconds = time.process_time() - clock
            ppl = perplexity(model, dev)
            say(args.work, f"step {step + 1} loss {loss:.4f} dev {ppl:.2f} cpu {seconds:.0f} s")
            save(args.work / f"step-{step + 1}", model, optimizer, seconds)
    return model


def averaged(work: Path, steps: int, dev: Tensor) -> tuple[nn.Module, dict[str, Any]]:
    """The mean of the checkpoints from a step to the end that is best on dev, and which that is."""
    model: nn.Module = OPTForCausalLM(opt.config("opt-mini"))
    marks = [step for step in range(steps, 0, -1) if (work / f"step-{step}").is_dir()]
    total: dict[str, Tensor] = {}
    best: dict[str, Any] = {"ppl": float("inf")}
    for n, step in enumerate(marks, 1):
        for name, weight in load_file(work / f"step-{step}" / "model.safetensors").items():
            total[name] = total.get(name, torch.zeros(())).double() + weight
        mean = {name: (weight / n).float() for name, weight in total.items()}
        model.load_state_dict(mean, strict=False)  # the head is tied
        ppl = perplexity(model, dev)
        say(work, f"mean of {n} checkpoints, from step {step}: dev {ppl:.2f}")
        if ppl < best["ppl"]:
            best = {"ppl": ppl, "weights": mean, "first": step, "averaged": n}
    model.load_state_dict(best.pop("weights"), strict=False)
    return model, best


def encode(tokenizer: Any, text: str) -> NDArray[np.int64]:
    return np.asarray(tokenizer.backend_tokenizer.encode(text).ids, dtype=np.int64)


def export(half: Any, tokenizer: Any, readme: str, folder: Path) -> None:
    """The folder that `from_pretrained` reads, with its card."""
    half.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "README.md").write_text(readme, encoding="utf-8")


def say(work: Path, line: str) -> None:
    print(line, flush=True)
    with (work / "log.txt").open("a", encoding="utf-8") as log:
        log.write(line + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="folder of checkpoints and log")
    parser.add_argument("--steps", type=int, default=4500, help="optimizer steps in all")
    parser.add_argument("--resume", action="store_true", help="go on from the newest checkpoint")
    parser.add_argument("--export", action="store_true", help=f"write {ASSETS.name} to the package")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    texts = corpus()
    tokenizer = make_tokenizer(texts)
    train(args, texts, tokenizer)
    model, choice = averaged(args.work, args.steps, windows(tokenizer, texts["dev"], 128))
    last = json.loads((args.work / f"step-{args.steps}" / "progress.json").read_text())
    half = model.half()  # what is exported is what is measured
    facts = card.measure(half.float(), tokenizer, texts) | choice | last | {"steps": args.steps}
    say(args.work, json.dumps(facts, indent=1))
    if args.export:
        export(half.half(), tokenizer, card.write(facts), ASSETS)


if __name__ == "__main__":
    main()
