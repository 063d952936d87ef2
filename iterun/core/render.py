"""Values as the bytes of an artifact: pictures, tables, tensors. Heavy imports inside."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from iterun.store.schema import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


def png(image: Any) -> bytes:
    """A PIL image, a matplotlib figure, an array or tensor (H, W), (H, W, 3 or 4) as PNG.

    Floats are brightness in [0, 1] and are clipped; integers are 0 to 255.

    Raises:
        TypeError: something else.
    """
    buffer = io.BytesIO()
    if hasattr(image, "savefig"):
        image.savefig(buffer, format="png")
    elif hasattr(image, "save") and hasattr(image, "getbands"):
        image.save(buffer, format="PNG")
    else:
        from PIL import Image

        Image.fromarray(_pixels(image)).save(buffer, format="PNG")
    return buffer.getvalue()


def table(name: str, rows: Any) -> bytes:
    """Rows (dicts, or a DataFrame) as CSV or JSON, by the name's suffix.

    The columns are the keys in the order of their first appearance; a row without one leaves it
    empty. Numbers that aren't finite read NaN, Infinity, -Infinity in both.
    """
    if hasattr(rows, "to_dict"):
        rows = rows.to_dict("records")
    if name.endswith(".json"):
        return encode(list(rows))
    if not name.endswith(".csv"):
        raise ValueError(f"the table {name!r} ends neither in .csv nor in .json")
    return _csv(list(rows))


def tensors(values: Mapping[str, Any]) -> Callable[[Path], None]:
    """Named tensors or arrays as a safetensors file, for the writer to call with a path."""
    import numpy as np
    import torch

    from iterun.store.tensors import save_file

    named = {
        name: torch.from_numpy(value.copy()) if isinstance(value, np.ndarray) else value
        for name, value in values.items()
    }
    return lambda path: save_file(path, named)


def _pixels(image: Any) -> Any:
    import numpy as np

    if hasattr(image, "detach"):
        image = image.detach().cpu().float().numpy() if image.is_floating_point() else image.cpu()
    array = np.asarray(image)
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise TypeError(f"no picture: shape {array.shape}, not (H, W) or (H, W, 3)")
    if array.dtype == bool or np.issubdtype(array.dtype, np.floating):
        array = np.rint(np.clip(np.nan_to_num(array.astype(np.float64)), 0, 1) * 255)
    return array.astype(np.uint8)


def _csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row.get(column)) for column in columns])
    return buffer.getvalue().encode()


def _cell(value: Any) -> Any:
    """A value as the record writes it: floats exact, "NaN" and "Infinity" by name."""
    if value is None or isinstance(value, str | int):
        return value
    return encode(value).decode().strip('"')
