"""The page as HTML: one file, nothing fetched, and no script but ours."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterun.analysis.numbers import count, size
from iterun.analysis.report import artifacts, drawing, listing

if TYPE_CHECKING:
    from iterun.analysis.report.gather import Report

_HERE = Path(__file__).parent
_STYLES = ("page.css", "parts.css")
_SCRIPTS = ("page.js", "tables.js", "axes.js", "charts.js", "pictures.js")
#: what HTML can't hold, and what would change the direction of the text around it
_HIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_LONGEST = 100_000  #: characters of anything recorded
_MARKS = {
    "completed": "✓", "running": "▶", "interrupted": "‖", "failed": "✗", "diverged": "↯",
    "lost": "?",
}  # fmt: skip


def render(report: Report) -> bytes:
    """The whole page."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    def shown(x: object) -> object:
        return x if isinstance(x, Markup) else visible(str(x)[:_LONGEST])

    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined,
        finalize=shown, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"size": size, "counted": count}
    environment.globals |= {
        "drawing": drawing, "marks": _MARKS, "first_rows": listing.SHOWN_FIRST,
        "most_files": artifacts.MOST_FILES,
    }  # fmt: skip
    style, script = _asset(_STYLES), _asset(_SCRIPTS)
    text = environment.get_template("page.html").render(
        report=report, style=Markup(style), script=Markup(script), policy=_policy(style, script),
        data=Markup(embed([system.chart.data(visible) for system in report.systems])),
    )  # fmt: skip
    return text.encode()


def visible(text: str) -> str:
    r"""A text without what a page can't hold or would act on: it becomes `\x1b`, `\u202e`."""
    if text.isprintable():
        return text
    return _HIDDEN.sub(_escaped, text.replace("\r\n", "\n"))


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def embed(value: Any) -> str:
    """JSON that may stand in a <script>: ASCII, without `<`, `>` and `&`.

    Raises:
        ValueError: a number is not finite.
    """
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e")


def _policy(style: str, script: str) -> str:
    """The Content-Security-Policy: our style and our script by their hashes, and data pictures."""
    return (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; "
        f"script-src '{_hash(script)}'; base-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'"
    )


def _hash(text: str) -> str:
    return f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@cache
def _asset(names: tuple[str, ...]) -> str:
    return "\n".join((_HERE / "assets" / name).read_text(encoding="utf-8") for name in names)
