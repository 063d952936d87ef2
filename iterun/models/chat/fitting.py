"""Requests with their prompts as tokens, and whether prompt and reply fit into the context."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from iterun.errors import ConfigError, raise_all
from iterun.models.chat.checks import check_requests, described
from iterun.models.chat.continuations import shared_length
from iterun.models.chat.counting import sample_seed
from iterun.models.chat.sampling import Draw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterun.models.chat.conversation import Conversation
    from iterun.types import Request


@dataclass
class Asked:
    """A request with its prompt."""

    request: Request
    text: str  #: the prompt with the reply's prefix
    prompt: list[int]  #: its tokens

    def draw(self, j: int) -> Draw:
        """How sample j is drawn."""
        request = self.request
        generator = torch.Generator().manual_seed(sample_seed(request.seed, j))
        return Draw(temperature=request.temperature, top_p=request.top_p, generator=generator)


def fitting(requests: Sequence[Request], talk: Conversation, context: int) -> list[Asked]:
    """The requests with their prompts.

    Raises:
        ConfigError: all fields that no model could work with, else all that are too long.
    """
    check_requests(requests, seeded=True)
    asked = _read(requests, talk)
    faults = []
    for k, it in enumerate(asked):
        more = _longest_reply(it, talk)
        if len(it.prompt) + more > context:
            faults.append(_too_long(it, k, more, talk.name, context))
    raise_all(faults)
    return asked


def fitting_scores(
    request: Request, continuations: Sequence[str], talk: Conversation, context: int
) -> tuple[list[int], list[list[int]]]:
    """The tokens that prompt and all continuations begin with, and the rest of each continuation.

    Raises:
        ConfigError: an empty continuation, no messages, or a text beyond the context.
    """
    check_requests([request], seeded=False)
    if not continuations or "" in continuations:
        raise ConfigError(
            f"{described(request, 0)}: score has an empty continuation, or none at all",
            hint="give one string or more, each of one character or more",
        )
    (asked,) = _read([request], talk)
    texts = talk.tokens([asked.text + it for it in continuations])
    longest = max(map(len, texts))
    if longest > context:
        raise _too_long(asked, 0, longest - len(asked.prompt), talk.name, context)
    shared = shared_length([[*asked.prompt, -1], *texts])
    return texts[0][:shared], [text[shared:] for text in texts]


def _read(requests: Sequence[Request], talk: Conversation) -> list[Asked]:
    texts = [talk.prompt(it.messages) + it.prefix for it in requests]
    prompts = talk.tokens(texts) if texts else []
    return [Asked(*it) for it in zip(requests, texts, prompts, strict=True)]


def _longest_reply(asked: Asked, talk: Conversation) -> int:
    """Tokens that the reply may take."""
    if asked.request.choices is None:
        return asked.request.max_tokens
    longest = "".join(max(piece, key=len) for piece in asked.request.choices)
    return len(talk.tokens([asked.text + longest])[0]) - len(asked.prompt)


def _too_long(asked: Asked, k: int, more: int, name: str, context: int) -> ConfigError:
    return ConfigError(
        f"{described(asked.request, k)}: a prompt of {len(asked.prompt)} tokens and up to {more} "
        f"of the reply don't fit into the context of model={name}, {context} tokens",
        hint="shorten the prompt (smaller problems, history=last) or max_tokens; "
        "or a model= with a longer context",
    )
