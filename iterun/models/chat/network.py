"""A causal language model as a function: tokens and a cache in, logits out."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from iterun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from torch import Tensor, nn


class Network:
    """What chat needs of a transformers module.

    Args:
        module: transformers' ...ForCausalLM.
        name: as typed after `model=`.

    Raises:
        ConfigError: its memory is not keys and values (a state-space model).
    """

    def __init__(self, module: nn.Module, name: str) -> None:
        if getattr(module, "_is_stateful", False):
            raise ConfigError(
                f"model={name} keeps a state in the place of keys and values, which chat needs",
                hint="choose a transformer, as in model=smollm2-135m",
            )
        self.before_pass: Callable[[], None] = lambda: None  #: may raise
        self._module: Any = module
        takes = inspect.signature(module.forward).parameters
        self._takes_positions = "position_ids" in takes
        self._keep = "logits_to_keep" if "logits_to_keep" in takes else "num_logits_to_keep"

    @property
    def device(self) -> torch.device:
        """Where tokens go in."""
        found: torch.device = self._module.get_input_embeddings().weight.device
        return found

    def logits(
        self, ids: Tensor, cache: Any, *, mask: Tensor | None, positions: Tensor | None, keep: int
    ) -> Tensor:
        """The logits of the last `keep` positions, (rows, keep, vocabulary); the cache grows.

        Args:
            ids: int64, (rows, n).
            cache: transformers', holding what was before.
            mask: 1 where a column counts, int64, (rows, columns before and n); None: all do.
            positions: of the tokens in their texts, int64, (rows, n); None: they go on.
            keep: at most n.
        """
        more: dict[str, Any] = {self._keep: keep}
        if mask is not None:
            more["attention_mask"] = mask
        if positions is not None and self._takes_positions:
            more["position_ids"] = positions
        self.before_pass()
        logits: Tensor = self._module(
            input_ids=ids, past_key_values=cache, use_cache=True, **more
        ).logits
        return logits[:, -keep:]

    def remember(self, ids: Tensor, cache: Any) -> None:
        """Let the cache grow by tokens whose logits nobody needs; as `logits`."""
        self.before_pass()
        self._module.base_model(input_ids=ids, past_key_values=cache, use_cache=True)

    def fingerprint(self) -> int:
        """Changes when any weight was written to or replaced since."""
        return hash(tuple((p.data_ptr(), p._version) for p in self._module.parameters()))
