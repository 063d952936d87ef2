"""A comparison as CSV, JSON, Markdown and Parquet: full precision, but for Markdown."""

from __future__ import annotations

import os
import re
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterun.analysis import tabular
from iterun.cli import compare_table, published
from iterun.cli.formats import json_text, lines
from iterun.cli.text import clean
from iterun.errors import ConfigError, UnavailableError
from iterun.store import disk
from iterun.store.encoding import encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pandas import DataFrame

    from iterun.analysis.comparison import Comparison
    from iterun.analysis.published import Figure
    from iterun.cli.console import Screen

_INTERVAL = re.compile(r"\[([-+\d.e]+), ([-+\d.e]+)\]")
_SIGNS = re.compile(r"[\\|*`<>\[\]&]|\b_|_\b")  #: what Markdown and its HTML act on


def write_csv(screen: Screen, found: Comparison, order: Sequence[int]) -> None:
    """The flat columns; lists with blanks between, NaN and infinities as in the run directory."""
    import csv
    import io

    columns = tabular.columns(found)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    rows = list(zip(*map(_cells, columns.values()), strict=True))
    writer.writerows(rows[k] for k in order)
    screen.raw(lines(text.getvalue()))


def _cells(values: Sequence[Any]) -> Iterable[Any]:
    kinds = set(map(type, values))
    if kinds <= {str, int, type(None)}:
        return values
    if kinds <= {float, int, type(None)} and all(x is None or isfinite(x) for x in values):
        return values
    return map(_cell, values)


def _cell(x: Any) -> Any:
    if isinstance(x, float) and not isfinite(x):
        return encode(x).decode().strip('"')
    if isinstance(x, list) and all(isinstance(item, str | int) for item in x):
        return " ".join(map(str, x))
    return encode(x).decode() if isinstance(x, list | dict | bool) else x


def write_json(
    screen: Screen, found: Comparison, order: Sequence[int], figures: Sequence[Figure]
) -> None:
    """One object: how intervals are made, the entries with every seed's value, remarks."""
    whole = tabular.to_json(found, figures)
    entries = ",\n".join(json_text(whole["entries"][k]) for k in order)
    whole["entries"] = []
    before, _, after = json_text(whole).partition('"entries":[]')
    screen.raw(f'{before}"entries":[\n{entries}\n]{after}\n')


def write_parquet(path: str, found: Comparison, order: Sequence[int]) -> None:
    """The flat columns as a file, written beside and renamed.

    Raises:
        UnavailableError: pyarrow is not installed.
        ConfigError: the file can't be written.
    """
    from importlib.util import find_spec

    target = Path(os.path.expanduser(path))
    if not target.name or target.is_dir():
        raise ConfigError(f"--parquet '{path}' is no file", hint="as in --parquet settings.parquet")
    if not target.parent.is_dir():
        raise _not_written(path, "its folder is not there")
    if find_spec("pyarrow") is None:
        raise UnavailableError(
            "--parquet needs the package pyarrow", hint='pip install "iterun[parquet]", or --csv'
        )
    frame = _uniform(tabular.frame(found).iloc[list(order)])
    try:
        disk.save_beside(target, lambda part: frame.to_parquet(part, index=False))
    except OSError as error:
        raise _not_written(path, (error.strerror or str(error)).lower()) from error


def _not_written(path: str, why: str) -> ConfigError:
    return ConfigError(
        f"--parquet {path}: {why}",
        hint="name a file in a folder that is there, and that you may write in",
    )


def _uniform(frame: DataFrame) -> DataFrame:
    """With columns of one type each: others become text, as JSON, as do integers beyond 64 bits."""
    for name in frame.columns:
        kinds = {type(x) for x in frame[name] if x is not None and x == x}
        is_mixed = len(kinds - {int, float}) > 0 and len(kinds) > 1
        if is_mixed or dict in kinds or (int in kinds and any(map(_is_huge, frame[name]))):
            frame[name] = [
                x if x is None or isinstance(x, str) else encode(x).decode() for x in frame[name]
            ]
    return frame


def _is_huge(x: Any) -> bool:
    return isinstance(x, int) and not -(1 << 63) <= x < 1 << 63


def write_markdown(
    screen: Screen, found: Comparison, order: Sequence[int], figures: Sequence[Figure]
) -> None:
    """A table a system, as pull requests and READMEs take them; the best in bold."""
    for n, system in enumerate(found.systems):
        if n:
            screen.raw("\n")
        own = [k for k in order if found.entries[k].system == system]
        screen.raw(f"**{_escaped(system)}** {_escaped(compare_table.about(found, system))}\n\n")
        _markdown(screen, compare_table.columns(found, system, own))
    if figures:
        screen.raw("\n**Published**, not measured here\n\n")
        _markdown(screen, published.columns(figures))


def _markdown(screen: Screen, columns: Sequence[compare_table.Column]) -> None:
    heads = [_escaped(column.head.rstrip()) for column in columns]
    screen.raw(f"| {' | '.join(heads)} |\n")
    screen.raw(f"|{'|'.join('---:' if column.right else '---' for column in columns)}|\n")
    for row in zip(*(column.cells for column in columns), strict=True):
        cells = (_bold(_escaped(_INTERVAL.sub(r"\1 to \2", cell))) for cell in row)
        screen.raw(f"| {' | '.join(cells)} |\n")


def _bold(cell: str) -> str:
    """The best value: a star behind it means the same on a terminal."""
    value = cell.removesuffix(r" \*")
    return f"**{value}**" if value != cell else cell.rstrip()


def _escaped(text: str) -> str:
    return _SIGNS.sub(r"\\\g<0>", clean(text))
