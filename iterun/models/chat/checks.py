"""What of a request no model could answer as it stands: found before anything is computed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from iterun.errors import ConfigError, raise_all

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iterun.types import Request


def check_requests(requests: Sequence[Request], *, seeded: bool) -> None:
    """Raise every fault of the requests together.

    Args:
        requests: asked.
        seeded: the model draws from the request's seed, so that a sampled reply needs one.

    Raises:
        ConfigError: naming the field, its value and whose request it is.
    """
    raise_all(
        ConfigError(f"{described(request, k)}: {said}", hint=hint)
        for k, request in enumerate(requests)
        for said, hint in _faults(request, seeded=seeded)
    )


def check_settings(batch_size: int, prefix_cache_mb: float) -> None:
    """Raise all that is wrong with a local chat model's settings."""
    faults = []
    if batch_size < 1:
        faults.append(
            ConfigError(
                f"model.batch_size={batch_size} decodes nothing", hint="as in model.batch_size=16"
            )
        )
    if prefix_cache_mb < 0:
        faults.append(
            ConfigError(
                f"model.prefix_cache_mb={prefix_cache_mb} is negative",
                hint="megabytes, as in model.prefix_cache_mb=512; 0 keeps none",
            )
        )
    raise_all(faults)


def described(request: Request, k: int) -> str:
    """Whose request it is: by its tag, else by its number."""
    if not request.tag:
        return f"request {k + 1}"
    return "request of " + ", ".join(f"{name} {value}" for name, value in request.tag.items())


def _faults(request: Request, *, seeded: bool) -> Iterator[tuple[str, str]]:
    """(what is wrong, what would do)."""
    yield from _faults_of_draw(request, seeded=seeded)
    if not request.messages:
        yield "it has no messages", "begin with one of role user"
    if request.n < 1:
        yield f"n={request.n} asks for no sample", "1 or more"
    if request.max_tokens < 1:
        yield f"max_tokens={request.max_tokens} leaves no room for a reply", "1 or more"
    if "" in request.stop:
        yield "an empty stop string would end every reply at once", "leave it out"
    if request.choices == ():
        yield "choices has no pieces", "at least one, or choices=None for a free reply"
    for slot, piece in enumerate(request.choices or (), 1):
        if not piece:
            yield f"piece {slot} of choices has nothing to choose from", "one string or more"


def _faults_of_draw(request: Request, *, seeded: bool) -> Iterator[tuple[str, str]]:
    temperature, top_p = request.temperature, request.top_p
    if not (math.isfinite(temperature) and temperature >= 0):
        yield f"temperature={temperature} is negative or no number", "0 is greedy, 1 plain sampling"
    elif temperature > 0 and seeded and request.seed is None:
        yield f"temperature={temperature} without a seed", "give a seed, or temperature=0"
    if not 0 < top_p <= 1:
        yield f"top_p={top_p} is no share of probability", "more than 0, at most 1 (all tokens)"
