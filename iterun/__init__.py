"""iterun: a command-line experiment runner for iterative procedures.

From Python: `iterun.runs(...)`, `iterun.open(...)`, `iterun.run(...)`; see `iterun.api`.
"""

TYPE_CHECKING = False  # not typing's: importing this package imports nothing
if TYPE_CHECKING:
    from iterun.api import Run, RunFailed, run, runs
    from iterun.api import open as open
    from iterun.errors import ConfigError, IterunError

__version__ = "0.1.0"
__all__ = ["ConfigError", "IterunError", "Run", "RunFailed", "__version__", "run", "runs"]
_LATER = {*__all__, "open"}  # `from iterun import *` leaves Python's own open alone


def __getattr__(name: str) -> object:
    """The Python API, on first use."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module = import_module("iterun.errors" if name.endswith("Error") else "iterun.api")
    found: object = getattr(module, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(_LATER)
