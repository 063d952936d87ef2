"""A conversation as the tokens that a model continues, and the tokens of its reply as text."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from iterun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterun.types import Message

log = logging.getLogger(__name__)

TURN_END = "<|im_end|>"  # ends a turn in ChatML, whatever the model's config says
ROLES = ("system", "user", "assistant")
CONTEXT = 4  # tokens decoded before a reply's first, so that its leading space is kept


@dataclass(kw_only=True)
class Conversation:
    """How one model is spoken to.

    A tokenizer with a chat template is used as the template says. Without one (models that nobody
    taught to chat) turns are paragraphs `role: text`, and the next `role:` ends the reply.
    """

    name: str  #: as typed after `model=`
    tokenizer: Any  #: transformers'
    config_ends: Sequence[int]  #: tokens that end a text by the model's own config

    def __post_init__(self) -> None:
        self.has_template = bool(getattr(self.tokenizer, "chat_template", None))
        if not self.has_template:
            log.warning(
                "model=%s has no chat template: it is shown plain `role: text`; "
                "an instruct model has one",
                self.name,
            )

    @cached_property
    def ends(self) -> frozenset[int]:
        """Tokens that end a reply."""
        found = {*self.config_ends, self.tokenizer.eos_token_id}
        if TURN_END in self.tokenizer.get_vocab():
            found.add(self.tokenizer.convert_tokens_to_ids(TURN_END))
        return frozenset(found - {None})

    @property
    def stops(self) -> tuple[str, ...]:
        """Strings that end a reply, besides the request's own."""
        return () if self.has_template else tuple(f"\n{role}:" for role in ROLES)

    def prompt(self, messages: Sequence[Message]) -> str:
        """The text after which the reply begins.

        Raises:
            ConfigError: the model's template refuses these roles in this order.
        """
        if not self.has_template:
            turns = [f"{message.role}: {message.content}\n" for message in messages]
            return "".join(turns) + "assistant:\n"
        from jinja2.exceptions import TemplateError

        turns_ = [{"role": message.role, "content": message.content} for message in messages]
        try:
            return self._templated(turns_)
        except TemplateError as refusal:
            # Gemma and early Mistral know no system turn; its text then stands before the user's.
            if len(turns_) > 1 and (turns_[0]["role"], turns_[1]["role"]) == ("system", "user"):
                first = f"{turns_[0]['content']}\n\n{turns_[1]['content']}"
                return self._templated([{"role": "user", "content": first}, *turns_[2:]])
            roles = ", ".join(turn["role"] for turn in turns_)
            raise ConfigError(
                f"model={self.name}: its chat template refuses turns of {roles}: {refusal}",
                hint="let user and assistant take turns, user first; or another model=",
            ) from refusal

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of whole prompts, or of prompts with the beginning of a reply."""
        special = not self.has_template  # a template writes its first token itself
        encoded = self.tokenizer(list(texts), add_special_tokens=special)["input_ids"]
        return [list(ids) for ids in encoded]

    def text(self, prompt: Sequence[int], reply: Sequence[int]) -> str:
        """The reply's tokens as the text that stands after the prompt's."""
        before = list(prompt[-CONTEXT:])
        head, whole = self._decoded(before), self._decoded([*before, *reply])
        # A character may be split between the two; then the reply is decoded by itself.
        return whole[len(head) :] if whole.startswith(head) else self._decoded(list(reply))

    def _templated(self, turns: list[dict[str, str]]) -> str:
        return str(
            self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        )

    def _decoded(self, ids: list[int]) -> str:
        return str(
            self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        )
