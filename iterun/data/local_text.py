"""Text files of the user's own."""

from __future__ import annotations

from pathlib import Path

from iterun.data.pydoc_text import cut
from iterun.errors import ConfigError


def read(path: str, setting: str) -> str:
    """A file in UTF-8; `setting` is how it was named, "data.path"."""
    file = Path(path).expanduser()
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError(
            f"{setting}={path}: there is no such file", hint=f"the current folder is {Path.cwd()}"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{setting}={path} cannot be read as text: {error}", hint="save it as UTF-8"
        ) from error
    if not text.strip():
        raise ConfigError(f"{setting}={path} is empty", hint="name a file with text in it")
    return text


def apart(text: str, part: str | float, setting: str) -> tuple[str, str]:
    """`text` and the file that `part` names, or `text` cut in two where it is a share."""
    if isinstance(part, str):
        return text, read(part, setting)
    if not 0 < part < 1:
        raise ConfigError(
            f"{setting}={part} is no share of a text",
            hint=f"take a number between 0 and 1, or a file: {setting}=FILE",
        )
    return cut(text, part)
