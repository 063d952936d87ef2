"""Running text whose words carry their tags: Penn's and Brown's ways of writing them.

    word/TAG    a line is a sentence (Brown; with another separator LOB's relatives: word_TAG)
    word/TAG    noun phrases in brackets, over several lines (Penn, `.pos`): a sentence ends behind
                its mark, a word whose tag is ".", or at a rule of "="; blank lines mean nothing
    (TAG word)  trees (Penn, `.mrg`): one is a sentence, and what was moved away (-NONE-) no word

Which of them a file is, it shows itself. Where Penn gives a word several tags ("JJ|NN"), the first
one counts. The Brown corpus and Penn's sample are in NLTK's data (`nltk.download("brown")`).
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterun.data.cache import digest
from iterun.data.local_text import read
from iterun.data.tagged import FixedSentences, Sentence
from iterun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Word = tuple[str, str]  # and its tag

MARK, CLOSING, TRACE = ".", "''", "-NONE-"  # tags of Penn's
BRACKETS = ("[", "]")
_LEAF = re.compile(r"\(([^\s()]+)\s+([^\s()]+)\s*\)")
_PAREN = re.compile(r"[()]")
_IS_CHUNKED = re.compile(r"^(\[ |={5,}$)", re.MULTILINE)
_HINT = "a word is written as in dog/NN; data.separator=_ reads dog_NN"
_BROWN = "data.files='c???'"  # ca01 ... cr09, without its README and its list of contents


def tagged_text(
    *, name: str = "tagged-text", path: str | None = None, files: str = "*", separator: str = "/"
) -> FixedSentences:
    """The sentences of a file, or of a folder's files in the order of their names.

    Args:
        name: as typed.
        path: a file or a folder.
        files: those of a folder, as a pattern.
        separator: between a word and its tag; the last one in a word counts.

    Raises:
        ConfigError: no file, or one that can't be read, with the line.
    """
    _check(separator)
    texts = _texts(path, files)
    found: list[Sentence] = []
    with _naming_files(path):
        for file, text in texts.items():
            found += parsed(text, file, separator)
    return FixedSentences(name, _digest(separator, texts), tuple(found))


def fingerprint(settings: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of what `tagged_text` reads.

    Raises:
        ConfigError: there is no file.
    """
    texts = _texts(settings.get("path"), str(settings.get("files", "*")))
    return _digest(str(settings.get("separator", "/")), texts)


def parsed(text: str, name: str, separator: str) -> list[Sentence]:
    """The sentences of a file's text.

    Args:
        text: of the whole file.
        name: as errors call the file.
        separator: between a word and its tag.

    Raises:
        ConfigError: a word has no tag, parentheses don't match, or there is no sentence.
    """
    place = f"data.path={name}"
    if text.lstrip().startswith("(") and _LEAF.search(text):
        found = list(_trees(text, place))
    elif _IS_CHUNKED.search(text):
        found = list(_marked(_lines(text, place, separator)))
    else:
        found = [line for line in _lines(text, place, separator) if line]
    if not found:
        raise ConfigError(f"{place} has no sentence", hint=_HINT)
    return [Sentence(*zip(*words, strict=True)) for words in found]


def _lines(text: str, place: str, separator: str) -> Iterator[list[Word] | None]:
    """The words of each line; None: it is a rule."""
    for number, line in enumerate(text.split("\n"), start=1):
        if set(line.strip()) == {"="}:
            yield None
            continue
        yield [
            _word(token, f"{place}, line {number}", separator)
            for token in line.split()
            if token not in BRACKETS
        ]


def _word(token: str, place: str, separator: str) -> Word:
    word, found, tag = token.rpartition(separator)
    if not (word and found and tag):
        raise ConfigError(f"{place}: {token!r:.40} has no tag", hint=_HINT)
    return word.replace("\\/", "/").replace("\\*", "*"), tag.split("|")[0] or tag


def _marked(lines: Iterator[list[Word] | None]) -> Iterator[list[Word]]:
    """Sentences that end behind a mark, and the quotation marks that close there; or at a rule."""
    words: list[Word] = []
    has_ended = False
    for line in lines:
        if line is None:
            has_ended = bool(words)
        for word in line or ():
            if has_ended and word[1] != CLOSING:
                yield words
                words, has_ended = [], False
            words.append(word)
            has_ended = has_ended or word[1] == MARK
    if words:
        yield words


def _trees(text: str, place: str) -> Iterator[list[Word]]:
    depth = begin = 0
    for paren in _PAREN.finditer(text):
        if depth == 0:
            begin = paren.start()
        depth += 1 if paren.group() == "(" else -1
        if depth < 0:
            break
        if depth == 0:
            leaves = _LEAF.findall(text[begin : paren.end()])
            if words := [(word, tag.split("|")[0]) for tag, word in leaves if tag != TRACE]:
                yield words
    if depth:
        line = text.count("\n", 0, begin) + 1
        raise ConfigError(
            f"{place}: the parentheses of the tree from line {line} on don't match",
            hint="a word is written as in (NN dog)",
        )


def _check(separator: str) -> None:
    if not separator or separator.isspace():
        raise ConfigError(f"data.separator={separator!r} separates nothing", hint=_HINT)


def _texts(path: object, files: str) -> dict[str, str]:
    """By file, in order."""
    if not path:
        raise ConfigError(
            "data=tagged-text needs text: data.path is empty", hint="as in data.path=brown/ca01"
        )
    folder = Path(str(path)).expanduser()
    if not folder.is_dir():
        return {str(path): read(str(path), "data.path")}
    try:
        found = sorted(file for file in folder.glob(files) if file.is_file())
    except (ValueError, NotImplementedError) as error:
        raise ConfigError(
            f"data.files={files} is no pattern of names in a folder: {error}",
            hint=f"as in {_BROWN}",
        ) from error
    if not found:
        raise ConfigError(
            f"data.files={files}: {folder} has no such file", hint="as in data.files='*.pos'"
        )
    with _naming_files(path):
        return {str(file): read(str(file), "data.path") for file in found}


@contextmanager
def _naming_files(path: object) -> Iterator[None]:
    """What is wrong with one of a folder's files also says how to leave it out."""
    try:
        yield
    except ConfigError as error:
        if Path(str(path)).expanduser().is_dir():
            error.hint = f"if it is no such text, leave it out, as in {_BROWN}; {error.hint}"
        raise


def _digest(separator: str, texts: Mapping[str, str]) -> str:
    return digest("tagged-text", separator, *texts.values())
