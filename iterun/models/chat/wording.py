"""What a request asks beyond its messages, in words for models that can't be held to it otherwise.

A template (`Request.choices`) is shown as text with numbered blanks:

    0: [1]
    1: [2]

A server that takes a JSON schema is asked for an object with a key a blank, each one of its words;
the text is put together here. Any other server's model is asked for the text itself.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iterun.types import Message

Pieces = tuple[tuple[str, ...], ...]


def choices_schema(pieces: Pieces) -> dict[str, Any]:
    """The schema of an object that fills the template's blanks; {} if it has none."""
    slots = _slots(pieces)
    if not slots:
        return {}
    return {
        "type": "object",
        "properties": {key: {"type": "string", "enum": list(words)} for key, words in slots},
        "required": [key for key, _ in slots],
        "additionalProperties": False,
    }


def filled(pieces: Pieces, content: str) -> str | None:
    """The template filled by the JSON object in `content`; None if there is none that fits."""
    try:
        given = json.loads(content[content.find("{") : content.rfind("}") + 1])
    except ValueError:
        return None
    slots = dict(_slots(pieces))
    if not isinstance(given, dict) or any(given.get(key) not in slots[key] for key in slots):
        return None
    texts = iter(given[key] for key in slots)
    return "".join(piece[0] if len(piece) == 1 else next(texts) for piece in pieces)


def ask_to_fill(pieces: Pieces, *, as_json: bool) -> str:
    """The request to fill the template's blanks."""
    slots, names = _slots(pieces), iter(f"[{k}]" for k in range(1, len(pieces) + 1))
    shown = "".join(piece[0] if len(piece) == 1 else next(names) for piece in pieces)
    alike: dict[tuple[str, ...], list[str]] = {}
    for k, (_, words) in enumerate(slots, 1):
        alike.setdefault(words, []).append(f"[{k}]")
    listed = "\n".join(
        f"{', '.join(blanks)}: {' or '.join(_quoted(word) for word in words)}"
        for words, blanks in alike.items()
    )
    if as_json:
        keys = ", ".join(f'"{key}": ...' for key, _ in slots)
        return (
            f"Fill in the blanks of this text:\n\n{shown}\n\n{listed}\n\n"
            f"Reply with one JSON object that says what stands in each blank: {{{keys}}}"
        )
    return (
        "Reply with exactly the following text and nothing else, each blank in brackets replaced "
        f"by one of its choices:\n\n{shown}\n\n{listed}"
    )


def ask_for_schema(schema: Mapping[str, Any]) -> str:
    """The request for JSON of a schema."""
    return (
        "Reply with one JSON value of this schema, and nothing else:\n"
        f"{json.dumps(schema, ensure_ascii=False)}"
    )


def ask_for_prefix(prefix: str) -> str:
    """The request to begin in a certain way."""
    return f"Begin your reply with exactly this text, and go on from there:\n{prefix}"


def with_words(messages: Sequence[Message], words: Sequence[str]) -> list[dict[str, str]]:
    """The messages as they are sent, the words at the end of the last one of the user's."""
    sent = [{"role": message.role, "content": message.content} for message in messages]
    if words and (not sent or sent[-1]["role"] != "user"):
        sent.append({"role": "user", "content": words[0]})
        words = words[1:]
    if words:
        sent[-1]["content"] = "\n\n".join((sent[-1]["content"], *words))
    return sent


def _quoted(word: str) -> str:
    return json.dumps(word, ensure_ascii=False)


def _slots(pieces: Pieces) -> list[tuple[str, tuple[str, ...]]]:
    """(key, words) of each piece that has a choice."""
    found = [piece for piece in pieces if len(piece) > 1]
    return [(f"blank_{k}", words) for k, words in enumerate(found, 1)]
