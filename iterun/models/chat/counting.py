"""What every chat model counts, and the seeds of a request's samples."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Literal

from iterun.types import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterun.types import Reply


class Counted:
    """A chat model whose state is what it has done so far."""

    def __init__(self) -> None:
        self._usage = Usage()

    def usage(self) -> Usage:
        """A copy: what is counted later does not enter it."""
        return replace(self._usage)

    def state(self) -> dict[str, Any]:
        return asdict(self._usage)

    def restore(self, state: Mapping[str, Any]) -> None:
        self._usage = Usage(**state)


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
