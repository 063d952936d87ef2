"""Text to prune and evaluate on: pydoc's topics, published corpora, a file of one's own.

Perplexity depends on how a split is joined, so each data set joins as the literature does:
WikiText-2 lines with two newlines, PTB sentences with a space, the first 1100 validation documents
of C4 with a space, of which 256 windows count.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from iterun.data import local_text, pydoc_text
from iterun.data.cache import digest
from iterun.data.hub_text import rows
from iterun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Generator, Tensor

SPLITS = ("train", "dev", "test")
TRIES = 200  # documents drawn for each window before the text is said to be too short


@dataclass(kw_only=True)
class Texts:
    """Documents in three splits, each read on first use (types.TextDataset)."""

    name: str
    fingerprint: str  #: SHA-256 of the content; of source and revision where the hub has it
    read: Callable[[str], Sequence[str]]  #: the documents of a split
    join: str = "\n\n"  #: between the documents of a split, as published
    max_windows: int | None = None  #: how many windows the published figure takes; None: all

    @cached_property
    def train(self) -> Sequence[str]:
        return self.read("train")

    @cached_property
    def dev(self) -> Sequence[str]:
        return self.read("dev")

    @cached_property
    def test(self) -> Sequence[str]:
        return self.read("test")

    def text(self, split: str) -> str:
        """The whole of "train", "dev" or "test" as one string."""
        if split not in SPLITS:
            raise ConfigError(
                f"data={self.name} has no split {split!r}", hint=f"take one of {', '.join(SPLITS)}"
            )
        return self.join.join(getattr(self, split))


def pydoc(*, name: str = "pydoc") -> Texts:
    """Pydoc's topics out of the running Python: embedded, another text in each Python version."""
    text = pydoc_text.topics()
    return _of_splits(name, pydoc_text.split(text), text)


def wikitext2(*, name: str = "wikitext2", revision: str | None = None) -> Texts:
    """WikiText-2, raw; each split is one document."""
    source = ("Salesforce/wikitext", "wikitext-2-raw-v1")
    splits = {"train": "train", "dev": "validation", "test": "test"}

    def read(split: str) -> Sequence[str]:
        return ("\n\n".join(rows(name, *source, split=splits[split], revision=revision)["text"]),)

    return Texts(name=name, fingerprint=digest(*source, revision or "main"), read=read)


def ptb(
    *,
    name: str = "ptb",
    revision: str | None = "refs/convert/parquet",
    eval_split: str = "test",
    join: str = " ",
) -> Texts:
    """Penn Treebank; each split is one document.

    Args:
        name: as typed after `data=`.
        revision: the hub's parquet branch: the main one holds a script, which is never run.
        eval_split: what `test` is: "test", or "validation" (LoRAPrune), which swaps it with `dev`.
        join: between sentences: a space, or two newlines (LoRAPrune).
    """
    if eval_split not in ("test", "validation"):
        raise ConfigError(
            f"data.eval_split={eval_split} is not a split of PTB",
            hint="take data.eval_split=test or data.eval_split=validation",
        )
    other = "validation" if eval_split == "test" else "test"
    splits = {"train": "train", "dev": other, "test": eval_split}
    source = "ptb-text-only/ptb_text_only"

    def read(split: str) -> Sequence[str]:
        got = rows(name, source, split=splits[split], revision=revision)
        return (join.join(got["sentence"]),)

    fingerprint = digest(source, revision or "main", eval_split, join)
    return Texts(name=name, fingerprint=fingerprint, read=read)


def c4(
    *,
    name: str = "c4",
    revision: str | None = None,
    train_file: str = "en/c4-train.00000-of-01024.json.gz",
    validation_file: str = "en/c4-validation.00000-of-00008.json.gz",
    documents: int = 1100,
    max_windows: int | None = 256,
) -> Texts:
    """One shard of C4, English.

    Args:
        name: as typed after `data=`.
        revision: of the hub's repository; None: the newest.
        train_file: the shard to calibrate and train on, 300 MB.
        validation_file: its first `documents` are `test`, as published; the next as many `dev`.
        documents: how many.
        max_windows: windows of `test` that count.
    """
    spans = {"dev": (documents, 2 * documents), "test": (0, documents)}

    def read(split: str) -> Sequence[str]:
        part, file = ("train", train_file) if split == "train" else ("validation", validation_file)
        got = rows(name, "allenai/c4", split=part, revision=revision, data_files={part: file})
        texts: Sequence[str] = got["text"]
        return texts if part == "train" else texts[slice(*spans[split])]

    fingerprint = digest(
        "allenai/c4", revision or "main", train_file, validation_file, str(documents)
    )
    return Texts(name=name, fingerprint=fingerprint, read=read, join=" ", max_windows=max_windows)


def local(
    *,
    path: str | None,
    name: str = "text",
    dev: str | float = pydoc_text.DEV_SHARE,
    test: str | float = pydoc_text.TEST_SHARE,
) -> Texts:
    """A text file in UTF-8.

    Args:
        path: the file to train and calibrate on.
        name: as typed after `data=`.
        dev: a file, or the share of `path` before `test` to set apart, at its end.
        test: a file, or the share of `path`'s characters to hold out, at its end.

    Raises:
        ConfigError: a file is missing, empty or no text; a share is outside (0, 1).
    """
    if not path:
        raise ConfigError("data=text needs a file", hint="name it: data=text data.path=FILE")
    whole = rest = local_text.read(path, "data.path")
    rest, test_text = local_text.apart(rest, test, "data.test")
    train, dev_text = local_text.apart(rest, dev, "data.dev")
    splits = {"train": train, "dev": dev_text, "test": test_text}
    return _of_splits(name, splits, whole, dev_text, test_text)


def calibration_windows(
    dataset: Any, tokenizer: Any, n: int, length: int, generator: Generator
) -> Tensor:
    """Random windows of the training text, as Wanda and SparseGPT draw them from C4.

    A random document is drawn, tokenized, kept if longer than the window, and a random window of it
    taken; no padding. A data set of one document gives random windows of that.

    Args:
        dataset: a types.TextDataset.
        tokenizer: of transformers.
        n: windows.
        length: tokens a window.
        generator: private to the drawing.

    Returns:
        int64, (n, length).

    Raises:
        ConfigError: no document is longer than a window.
    """
    import torch

    documents = dataset.train
    known: dict[int, list[int]] = {}
    found: list[list[int]] = []
    for _ in range(TRIES * n):
        at = _draw(len(documents), generator)
        ids = known.get(at) or tokenizer(documents[at], verbose=False)["input_ids"]
        if len(documents) == 1:
            known[at] = ids  # a long text is tokenized once, not n times
        if len(ids) > length:
            start = _draw(len(ids) - length, generator)
            found.append(ids[start : start + length])
        elif len(documents) == 1:
            break
        if len(found) == n:
            return torch.tensor(found, dtype=torch.long)
    raise ConfigError(
        f"task.calibration_len={length} is longer than the documents of data={dataset.name}",
        hint="take shorter windows, as in task.calibration_len=128, or longer texts",
    )


def fingerprint(settings: Mapping[str, Any]) -> str | None:
    """What tells one text from another, before it is built; None: the settings themselves do."""
    if settings.get("name") == "pydoc" and "path" not in settings:
        return pydoc().fingerprint
    if settings.get("path"):
        known = {key: settings[key] for key in ("path", "dev", "test") if key in settings}
        return local(**known).fingerprint
    return None


def _of_splits(name: str, splits: Mapping[str, str], *content: str) -> Texts:
    return Texts(name=name, fingerprint=digest(*content), read=lambda split: (splits[split],))


def _draw(bound: int, generator: Generator) -> int:
    import torch

    return int(torch.randint(bound, (), generator=generator))
