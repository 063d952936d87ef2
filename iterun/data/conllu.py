"""Treebanks in the CoNLL-U format: ten columns a word, a blank line after each sentence.

The words are those of the syntax: a range (`2-3 don't`) is the spelling of the words that follow
it, and an empty node (`4.1`) is no word of the text; both are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from iterun.data.cache import digest
from iterun.data.local_text import read
from iterun.data.tagged import FixedSentences, Sentence
from iterun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

COLUMNS = 10
FORM = 1
TAG_COLUMNS = {"upos": 3, "xpos": 4}
FORMAT = "a word is ten columns with tabs between: ID FORM LEMMA UPOS XPOS ..."


def conllu(
    *, name: str = "conllu", path: str | None = None, tags: Literal["upos", "xpos"] = "upos"
) -> FixedSentences:
    """The sentences of a file.

    Args:
        name: as typed.
        path: the file.
        tags: the column that is learned: the universal tags, or the treebank's own.

    Raises:
        ConfigError: no file, or one that can't be read, with the line.
    """
    if tags not in TAG_COLUMNS:
        raise ConfigError(
            f"data.tags={tags} is no column of tags", hint="data.tags=upos or data.tags=xpos"
        )
    text = _text(path)
    sentences = parsed(text, str(path), TAG_COLUMNS[tags])
    return FixedSentences(name, digest("conllu", tags, text), tuple(sentences))


def fingerprint(settings: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of what `conllu` reads.

    Raises:
        ConfigError: there is no file.
    """
    return digest("conllu", str(settings.get("tags", "upos")), _text(settings.get("path")))


def parsed(text: str, name: str, column: int) -> list[Sentence]:
    """The sentences of a file's text.

    Args:
        text: of the whole file.
        name: as errors call the file.
        column: of the tags, from 0.

    Raises:
        ConfigError: a line that is no word, or a file without any.
    """
    found: list[Sentence] = []
    words: list[str] = []
    tags: list[str] = []
    # Only "\n" ends a line: forms may hold other separators that `splitlines` takes for ends.
    for number, line in enumerate([*text.split("\n"), ""], start=1):
        line = line.rstrip("\r")
        if line.startswith("#"):
            continue
        if line.strip():
            if said := _word(line, column, f"data.path={name}, line {number}"):
                words.append(said[0])
                tags.append(said[1])
        elif words:
            found.append(Sentence(tuple(words), tuple(tags)))
            words, tags = [], []
    if not found:
        raise ConfigError(f"data.path={name} has no sentence", hint=FORMAT)
    return found


def _word(line: str, column: int, place: str) -> tuple[str, str] | None:
    """Form and tag; None: the line is a range or an empty node."""
    cells = line.split("\t")
    if len(cells) != COLUMNS:
        raise ConfigError(f"{place}: {len(cells)} columns, not {COLUMNS}", hint=FORMAT)
    number = cells[0]
    if "-" in number or "." in number:
        return None
    if not number.isdecimal():
        raise ConfigError(f"{place}: {number!r:.40} is no number of a word", hint=FORMAT)
    if cells[column] in ("", "_"):
        raise ConfigError(
            f"{place}: the word {cells[FORM]!r:.40} has no tag in column {column + 1}",
            hint="data.tags=xpos takes column 5, data.tags=upos column 4",
        )
    return cells[FORM], cells[column]


def _text(path: object) -> str:
    if not path:
        raise ConfigError(
            "data=conllu needs a file: data.path is empty", hint="as in data.path=train.conllu"
        )
    return read(str(path), "data.path")
