"""What the numbers of a language model's pruning are of: a fork of it goes on with the same."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from iterun.data.cache import digest, file_digest
from iterun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

ANEW = "or begin a new run"


@dataclass(frozen=True, kw_only=True)
class Past:
    """The dense model, and the held-out windows that perplexities are of."""

    weights: str  #: SHA-256 of the model's files
    text: str  #: fingerprint
    length: int  #: tokens a window
    n: int  #: windows

    @classmethod
    def of(cls, model: Any, held_out: Any, windows: Tensor) -> Past:
        """Of what a run was started with.

        Args:
            model: gives the folder that it was read from.
            held_out: a types.TextDataset.
            windows: of its test split, (n, length).
        """
        files = sorted(model.folder.glob("*.safetensors"))
        n, length = windows.shape
        weights = digest(*map(file_digest, files))
        return cls(weights=weights, text=held_out.fingerprint, length=length, n=n)

    def state(self) -> dict[str, Any]:
        return asdict(self)

    def check(self, was: Mapping[str, Any], *, model: str, data: Callable[[str], Any]) -> None:
        """Compare with the state that a fork begins with.

        Args:
            was: from `state`.
            model: its name.
            data: gives the data set of a role: `run.data`.

        Raises:
            ConfigError: it was made with another model, or measured on other windows.
        """
        if self.weights != was["weights"]:
            raise ConfigError(
                f"model={model}: the state is of other weights",
                hint=f"leave model= as it was, {ANEW}",
            )
        if self.text != was["text"]:
            held_out = data("eval_data")
            role = "data" if held_out is data("data") else "data@eval_data"
            raise ConfigError(
                f"{role}={held_out.name}: the perplexities so far are of another text",
                hint=f"leave {role}= as it was, {ANEW}; to train on another text: data= and the "
                "old one as data@eval_data=",
            )
        then = was["n"], was["length"]
        if (self.n, self.length) != then:
            raise ConfigError(
                f"task.eval_seqlen, task.eval_windows: {self.n} windows of {self.length} tokens, "
                "and the perplexities so far are of {} of {}".format(*then),
                hint=f"leave both as they were, {ANEW}",
            )
