"""What every chat model counts, and the seeds of a request's samples."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from iterun.types import Reply, Usage


def count(usage: Usage, reply: Reply) -> None:
    """Add a reply to what was done so far; the time is the caller's to add."""
    usage.tokens_logical += reply.prompt_tokens + reply.completion_tokens
    usage.cut += reply.finish.count("length")
    if reply.cached:
        usage.calls_cached += 1
        return
    usage.calls += 1
    usage.retries += reply.retries
    usage.errors += "error" in reply.finish
    usage.tokens_prompt += reply.prompt_tokens
    usage.tokens_completion += reply.completion_tokens


def sample_seed(seed: int | None, j: int) -> int:
    """The seed of sample j of a request: of 31 bits, as every server takes it.

    A request without a seed counts as one of seed 0.
    """
    digest = hashlib.sha256(f"{seed or 0}:{j}".encode()).digest()
    return int.from_bytes(digest[:4], "little") >> 1


def beginning_with(prefix: str, text: str) -> str:
    """The text, which begins with the prefix: a writer may leave it away."""
    return text if text.startswith(prefix) else prefix + text


def all_stopped(n: int) -> tuple[Literal["stop", "length", "error"], ...]:
    """The ends of n samples that nothing cut."""
    return tuple[Literal["stop"], ...](["stop"] * n)
