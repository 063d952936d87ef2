"""Names and texts of a run as other tools take them."""

from __future__ import annotations

import hashlib
import posixpath
import re

LONGEST_ID = 64


def identity(run_id: str) -> str:
    """The id that the tool knows the run by: ours, unless it is none that we would have made."""
    if run_id.isascii() and run_id.isalnum() and len(run_id) <= LONGEST_ID:
        return run_id
    return hashlib.sha256(run_id.encode(errors="surrogatepass")).hexdigest()[:16]


def text(value: object, longest: int = 5000) -> str:
    """A text that every encoder takes: no half characters, no NUL, not too long."""
    whole = str(value).encode(errors="replace").decode().replace("\0", " ")
    return whole if len(whole) <= longest else whole[: longest - 1] + "…"


class Names:
    """Maps names to those that a tool takes; two never become one.

    Args:
        refused: characters that the tool refuses; `@` becomes `_at_`, others `_`.
        longest: characters.
    """

    def __init__(self, refused: str, longest: int = 250) -> None:
        self._refused = re.compile(refused)
        self._longest = longest
        self._known: dict[str, str] = {}
        self._taken: set[str] = set()

    def __call__(self, name: str) -> str:
        """The tool's name for one of ours."""
        if name not in self._known:
            self._known[name] = found = self._free(self._mapped(name))
            self._taken.add(found)
        return self._known[name]

    def changed(self) -> dict[str, str]:
        """Ours by the tool's, where they differ."""
        return {theirs: ours for ours, theirs in self._known.items() if ours != theirs}

    def _mapped(self, name: str) -> str:
        worded = name.replace("@", "_at_") if self._refused.search("@") else name
        found = self._refused.sub("_", worded)[: self._longest] or "_"
        is_path = posixpath.normpath(found) == found and not found.startswith(("/", "."))
        return found if is_path else found.replace("/", "_").replace(".", "_")

    def _free(self, name: str) -> str:
        found, n = name, 1
        while found in self._taken:
            n += 1
            found = f"{name[: self._longest - 6]}_{n}"
        return found
