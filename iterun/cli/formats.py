"""JSON and CSV for other programs; what a terminal would act on is escaped here too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterun.cli.text import clean
from iterun.store.rows import COLUMNS, PLACES
from iterun.store.schema import encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterun.cli.console import Screen
    from iterun.store.rows import Row


def json_text(value: Any) -> str:
    r"""JSON on one line; characters that a terminal acts on stand as `\u....`."""
    return printable(encode(value).decode())


def printable(text: str) -> str:
    """JSON in which characters that a terminal acts on are escaped."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[k] << 8 | units[k + 1]:04x}" for k in range(0, len(units), 2))


def write_rows(screen: Screen, rows: Sequence[Row], form: str) -> None:
    """All that the index knows of these runs: a JSON array with a run a line, or CSV."""
    if form == "csv":
        _write_csv(screen, rows)
        return
    body = ",\n".join(printable(row.json()) for row in rows)
    screen.raw(f"[\n{body}\n]\n" if body else "[]\n")


def _write_csv(screen: Screen, rows: Sequence[Row]) -> None:
    import csv
    import io

    table = [flat(row) for row in rows]
    names = list(dict.fromkeys([*COLUMNS, *(name for line in table for name in line)]))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    screen.raw(lines(text.getvalue()))


def lines(text: str) -> str:
    """Several lines without what a terminal acts on: who pipes them looks at them later."""
    return "\n".join(map(clean, text.split("\n")))


def flat(row: Row) -> dict[str, Any]:
    """One level: task.lr, metrics.acc, result.acc, cost.ms, best, best_i."""
    flat = {name: row.get(name) for name in COLUMNS}
    flat["tags"] = " ".join(row.tags)
    for place, key in PLACES.items():
        flat |= {f"{place}.{name}": _cell(x) for name, x in getattr(row, key).items()}
    best = row.best or {}
    flat |= {
        "objective": (row.objective or {}).get("metric"),
        "best": best.get("value"),
        "best_i": best.get("i"),
    }
    return flat


def _cell(x: Any) -> Any:
    return encode(x).decode() if isinstance(x, list | dict | bool) else x
