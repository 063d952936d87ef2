"""How a server is spoken to, and what of the protocol it turned out not to take.

Servers differ in what they take: a JSON schema for the reply, several samples, a seed, the name
`max_tokens`, a temperature, going on from a begun reply. Each is tried; a server that refuses one
by name is asked again without, and not tried with it again in the run. Every request that uses it
would be refused alike, so that replies do not depend on which came first.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from iterun.models.chat import wording

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterun.types import Request

log = logging.getLogger(__name__)
MAX_STOPS = 4  # of one call; replies are cut at further ones here
_UNKNOWN = r"(?s)(?=.*(?:support|unrecogni|unknown|unexpected|extra|not allowed|not permitted))"
#: what a refusal says that is about a feature
_SAYS = {
    "schema": r"response_format|json_schema|structured.output|guided|grammar",
    "continuation": r"continue_final_message|add_generation_prompt",
    "max_tokens": r"use ['\"`]?max_completion_tokens",
    "seed": _UNKNOWN + r".*\bseed\b",
    "n": r"['\"`]n['\"`]|\bn (?:must|should|has|can|>|is|=)",
    "temperature": _UNKNOWN + r".*\btemperature\b",
    "top_p": _UNKNOWN + r".*\btop_p\b",
}
#: arguments of which the name may be refused or the value; words alone tell which
_BY_WORDS = ("max_tokens", "temperature", "top_p")
#: features by the argument that asks for them
_FEATURES = {
    "response_format": "schema",
    "extra_body": "continuation",
    "max_tokens": "max_tokens",
    "seed": "seed",
    "n": "n",
    "temperature": "temperature",
    "top_p": "top_p",
}
_LOST = {
    "schema": "response_format: replies are asked for in words and parsed",
    "continuation": "continue_final_message: the beginning of a reply is asked for in words",
    "max_tokens": "max_tokens: max_completion_tokens is sent in its place",
    "seed": "seed: another run may get other replies",
    "n": "n: samples are asked for one by one",
    "temperature": "temperature: replies are drawn at the server's own",
    "top_p": "top_p: replies are drawn with the server's own",
}


@dataclass(kw_only=True)
class Dialect:
    """What one server takes."""

    model: str  #: the server's name of it
    continues: bool  #: it goes on from a last message of the assistant's
    refused: set[str] = field(default_factory=set)

    def arguments(self, request: Request, n: int, seed: int | None) -> dict[str, Any]:
        """What `chat.completions.create` is called with for n samples more."""
        wants = self._wants(request, n, seed)
        sent: dict[str, Any] = {
            "model": self.model,
            "messages": self._messages(request, wants),
            "max_tokens" if "max_tokens" in wants else "max_completion_tokens": request.max_tokens,
        }
        if "temperature" in wants:
            sent["temperature"] = request.temperature
        if "top_p" in wants:
            sent["top_p"] = request.top_p
        if request.stop:
            sent["stop"] = list(request.stop[:MAX_STOPS])
        if "seed" in wants:
            sent["seed"] = seed
        if "n" in wants:
            sent["n"] = n
        if _schema_feature(request) in wants:
            shape = {"name": "reply", "schema": _schema(request), "strict": True}
            sent["response_format"] = {"type": "json_schema", "json_schema": shape}
        if "continuation" in wants:
            sent["extra_body"] = {"add_generation_prompt": False, "continue_final_message": True}
        return sent

    def text(
        self, request: Request, arguments: Mapping[str, Any], content: str
    ) -> tuple[str, bool]:
        """The reply's text, and whether a schema held the model to it.

        A server that takes a schema and does not keep to it can't be told from one that does, as
        long as the replies fit.

        Args:
            request: asked.
            arguments: with which it was asked.
            content: as it came.
        """
        prefix = request.prefix
        if "response_format" in arguments:
            return _held(request, content)
        if "extra_body" in arguments:
            return _cut(content if content.startswith(prefix) else prefix + content, request), False
        begun = content.lstrip()
        # What does not begin as asked for stays as it is: nobody knows what the model meant by it.
        return _cut(begun if begun.startswith(prefix) else content, request), False

    def gives_up(
        self, request: Request, arguments: Mapping[str, Any], parameter: str, said: str
    ) -> bool:
        """Whether the refusal is about something that can be left away; it is, from now on.

        Args:
            request: asked.
            arguments: with which it was refused.
            parameter: that the server says it is about; "": it does not.
            said: by the server.
        """
        for argument, kind in _FEATURES.items():
            by_words = re.search(_SAYS[kind], said, re.IGNORECASE) is not None
            by_name = parameter == argument and argument not in _BY_WORDS
            if argument not in arguments or not (by_words or by_name):
                continue
            feature = (_schema_feature(request) or kind) if kind == "schema" else kind
            if feature not in self.refused:
                self.refused.add(feature)
                log.warning("the server of model.id=%s does not take %s", self.model, _LOST[kind])
            return True
        return False

    def _wants(self, request: Request, n: int, seed: int | None) -> set[str]:
        """The features that are used for this request."""
        wanted = {"max_tokens", "temperature"}
        if request.top_p != 1:
            wanted.add("top_p")
        if n > 1:
            wanted.add("n")
        if seed is not None:
            wanted.add("seed")
        if feature := _schema_feature(request):
            wanted.add(feature)
        elif request.prefix and self.continues:
            wanted.add("continuation")
        return wanted - self.refused

    def _messages(self, request: Request, wants: set[str]) -> list[dict[str, str]]:
        words: list[str] = []
        held = _schema_feature(request) in wants
        if request.choices is not None and _schema(request):
            words.append(wording.ask_to_fill(request.choices, as_json=held))
        elif request.json_schema is not None:  # some servers take a schema and ignore it
            words.append(wording.ask_for_schema(request.json_schema))
        if request.prefix and not held and "continuation" not in wants:
            words.append(wording.ask_for_prefix(request.prefix))
        sent = wording.with_words(request.messages, words)
        if "continuation" in wants:
            sent.append({"role": "assistant", "content": request.prefix})
        return sent


def _held(request: Request, content: str) -> tuple[str, bool]:
    fits = _fits(_schema(request), content)
    if request.choices is None:
        return content, fits
    text = wording.filled(request.choices, content)
    return (content, False) if text is None else (text, fits)


def _schema(request: Request) -> Mapping[str, Any]:
    """What the reply is held to; empty: nothing."""
    if request.choices is not None:
        return wording.choices_schema(request.choices)
    return request.json_schema or {}


def _schema_feature(request: Request) -> str | None:
    """The feature's name: one for all templates, one for each other schema, since some are odd."""
    if request.choices is not None:
        return "schema of choices" if _schema(request) else None
    if request.json_schema is None:
        return None
    text = json.dumps(request.json_schema, sort_keys=True, default=dict)
    return f"schema {hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _cut(text: str, request: Request) -> str:
    """The text up to the first of the stops after the prefix, which some servers leave in."""
    start = len(request.prefix) if text.startswith(request.prefix) else 0
    places = [text.find(stop, start) for stop in request.stop]
    return text[: min((place for place in places if place >= 0), default=len(text))]


def _fits(schema: Mapping[str, Any], content: str) -> bool:
    """Whether it is JSON of the schema as far as its top level goes."""
    try:
        value = json.loads(content)
    except ValueError:
        return False
    if schema.get("type") != "object":
        return True
    if not isinstance(value, dict) or not value.keys() >= set(schema.get("required", ())):
        return False
    closed = schema.get("additionalProperties") is False
    return not closed or value.keys() <= set(schema.get("properties", ()))
