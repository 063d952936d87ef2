"""Hypothesis strategies that several tests share."""

from collections import OrderedDict
from datetime import datetime

import numpy as np
import torch
from hypothesis import strategies as st

from iterun.store.schema import Iteration, RunRecord, Status, Summary
from iterun.types import Ref

#: texts with half characters too, as a cut token leaves them
texts = st.text(max_size=12) | st.sampled_from(
    [
        "NaN",
        "Infinity",
        '"-Infinity"',
        '""NaN""',
        "\u2028",
        "\x00\n",
        "\ud800",
        "a\udfff",
        "$tensor",
    ]
)
names = st.text(max_size=8) | st.sampled_from(["fd@4", "100%", "%r", "psnr_dps", '"', "$float"])
floats = st.floats(allow_nan=True, allow_infinity=True)
numbers = floats | st.integers()
json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=20,
)
measures = st.dictionaries(names, numbers, max_size=6)
objects = st.dictionaries(names, json_values, max_size=4)
objectives = st.builds(
    lambda more, **keys: more | keys, objects, metric=texts, goal=st.sampled_from(["min", "max"])
)
bests = st.builds(lambda more, **keys: more | keys, objects, i=st.integers(), value=numbers)
parents = st.builds(lambda more, **keys: more | keys, objects, run=texts, iteration=st.integers())
times = st.datetimes(
    datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.none() | st.timezones()
).map(datetime.isoformat)

iterations = st.builds(
    Iteration, i=st.integers(0, 10**6), time=st.floats(0, 2e9), seconds=st.floats(0, 1e6),
    metrics=measures, cost=measures, labels=st.dictionaries(names, texts, max_size=3),
    files=st.lists(texts, max_size=3),
)  # fmt: skip
statuses = st.builds(
    Status, state=texts, reason=st.none() | texts, error=st.none() | texts,
    pid=st.integers(0), host=texts, boot_id=texts, start_ticks=st.integers(0), heartbeat=floats,
    iteration=st.none() | st.integers(), attempt=st.integers(1),
)  # fmt: skip
summaries = st.builds(
    Summary, state=texts, reason=st.none() | texts, parameters=objects, last=measures,
    best=st.none() | bests, result=objects, iterations=st.integers(0), seconds=floats,
    costs=measures, objective=st.none() | objectives,
)  # fmt: skip
records = st.builds(
    RunRecord, id=texts, system=texts, family=texts, signature=texts, seed=st.integers(),
    created=times, parent=st.none() | parents, sweep=st.none() | objects,
    objective=st.none() | objectives,
    command=st.lists(texts, max_size=3), git=st.none() | objects, device=texts, dtype=texts,
    packages=st.dictionaries(names, texts, max_size=3), threads=st.integers(1),
    environment=st.dictionaries(names, texts, max_size=3), resolved=objects,
    model=st.none() | texts,
)  # fmt: skip

shapes = st.lists(st.integers(0, 4), max_size=3).map(tuple)
torch_dtypes = st.sampled_from([
    torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int8,
    torch.uint8, torch.bool, torch.complex64, torch.uint16, torch.float8_e4m3fn,
])  # fmt: skip
numpy_dtypes = st.sampled_from(["f8", "f4", "f2", ">f4", "i8", "u1", "?", "c8", "U3", "M8[s]"])


@st.composite
def tensors(draw: st.DrawFn) -> torch.Tensor:
    """Any dtype and shape; transposed, sliced or expanded now and then."""
    shape = draw(shapes)
    seed = torch.Generator().manual_seed(draw(st.integers(0, 99)))
    found = (torch.randn(shape, generator=seed) * 3).to(draw(torch_dtypes))
    form = draw(st.sampled_from(["plain", "transposed", "sliced", "expanded"]))
    if form == "transposed":
        return found.permute(draw(st.permutations(range(found.dim()))))
    if form == "sliced" and found.dim():
        return found[..., ::2]
    return found.unsqueeze(0).expand(2, *shape) if form == "expanded" else found


@st.composite
def arrays(draw: st.DrawFn) -> np.ndarray:
    """Any dtype, shape and order."""
    shape = draw(shapes)
    generator = np.random.default_rng(draw(st.integers(0, 99)))
    found = (generator.normal(size=shape) * 9).astype("i8").astype(draw(numpy_dtypes))
    return np.asarray(found, order=draw(st.sampled_from("CF")))


scalars = st.sampled_from([
    np.float32(1.5), np.float64("nan"), np.int8(-3), np.bool_(True), np.str_("ab"), np.str_(""),
])  # fmt: skip
keys = names | st.integers()
states = st.dictionaries(
    keys,
    st.recursive(
        st.none() | st.booleans() | numbers | texts | st.integers(-(2**200), 2**200)
        | st.binary(max_size=8) | tensors() | arrays() | scalars
        | st.builds(Ref, path=texts, sha256=texts),
        lambda inner: st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(keys, inner, max_size=3)
        | st.dictionaries(keys, inner, max_size=3).map(OrderedDict),
        max_leaves=8,
    ),
    max_size=4,
)  # fmt: skip


def same(a: object, b: object) -> bool:
    """Equal to the type, the dtype, the strides and the last bit; NaN equals NaN."""
    if type(a) is not type(b):
        return False
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and a.shape == b.shape and _bytes(a) == _bytes(b)
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b or (a != a and b != b)


def _bytes(tensor: torch.Tensor) -> bytes:
    flat = tensor.clone(memory_format=torch.contiguous_format).reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""
