"""Where model-written code runs, and the only place.

    sandbox = open_sandbox()
    sandbox.run_python("def add(a, b): return a + b", tests=["assert add(1, 2) == 3"]).status
    sandbox.call("def add(a, b): return a + b", "add", [(1, 2)]).outputs[0].value

`levels` says how it is isolated, `inside` is what runs in there, `codec` how values come out.
"""

from iterun.judges.sandbox.box import (
    Call,
    CallResult,
    Output,
    Program,
    Sandbox,
    SandboxResult,
    Status,
)
from iterun.judges.sandbox.codec import NotPlainError
from iterun.judges.sandbox.opening import open_sandbox

__all__ = [
    "Call",
    "CallResult",
    "NotPlainError",
    "Output",
    "Program",
    "Sandbox",
    "SandboxResult",
    "Status",
    "open_sandbox",
]
