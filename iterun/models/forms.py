"""What a model says when it is asked for in a form that it does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence


def wrong_form(name: str, what: str, form: type, kinds: Sequence[str]) -> ConfigError:
    """The error to raise.

    Args:
        name: as typed after `model=`.
        what: with its article: "a language model".
        form: asked for.
        kinds: what the choice serves as.
    """
    return ConfigError(
        f"model={name} is {what} and cannot serve as {form.__name__}",
        hint=f"it serves as {', '.join(kinds)}; `iterun tasks` names each default",
    )
