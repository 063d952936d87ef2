"""Programs that try to cheat, break out, break things or stay, and how each must end.

In the code, {secret} is a file only its owner may read, {folder} the folder of it, {port} a
listener on this machine and {mark} a word that is found in nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

ANY = frozenset({"pass", "fail", "timeout", "memory", "forbidden", "error"})
ONE = "\ndef f(): return 1\n"


@dataclass(frozen=True)
class Hostile:
    """A program, tried with `assert f() == 1` in a sandbox of 64 MiB scratch and 256 MiB memory."""

    name: str
    code: str
    ends: frozenset[str]  #: statuses that are right
    #: what level rlimits promises: all of it, only where we are root (the program is another
    #: user then), or nothing, so that it isn't tried there
    rlimits: str = "promised"
    seconds: float = 20.0  #: time limit


def _(name: str, ends: str, code: str, rlimits: str = "promised", seconds: float = 20.0) -> Hostile:
    return Hostile(name, code, frozenset(ends.split()), rlimits, seconds)


CHEATS = [
    _("leaves with status 0 at once", "fail", "import os\nos._exit(0)"),
    _("leaves with status 0 in the test", "fail", "import os\ndef f(): os._exit(0)"),
    _("asks to exit", "fail", "import sys\ndef f(): sys.exit(0)"),
    _("exits while loading", "error", "raise SystemExit(0)"),
    _(
        "prints what a pass looks like",
        "fail",
        "print('ready 0\\npass 0\\nend 0\\n', flush=True)\ndef f(): return 2",
    ),
    _(
        "writes passes into every descriptor",
        "fail",
        """
import os
def f():
    for number in range(1, 64):
        try:
            os.write(number, b"0" * 32 + b"\\npass\\n")
            os.write(number, b"pass\\npass 0\\nend 0\\n")
        except OSError:
            pass
    os._exit(0)
""",
    ),
    _(
        "writes endless garbage into every descriptor",
        "fail",
        """
import os
def f():
    for number in range(3, 64):
        try:
            while True:
                os.write(number, b"\\xff\\n" * 10000)
        except OSError:
            pass
""",
    ),
    _(
        "replaces what asserts are made of",
        "fail",
        """
import builtins, os, sys
class Never(BaseException): pass
nothing = lambda *a, **k: None
builtins.AssertionError = Never
builtins.exec = builtins.compile = builtins.print = builtins.__import__ = nothing
os.write = nothing
sys.excepthook = nothing
def f(): return 2
""",
    ),
    _(
        "jumps over the test's line",
        "fail",
        """
import sys
def trace(frame, event, argument):
    if frame.f_code.co_filename == "<test>":
        def skip(frame, event, argument):
            frame.f_lineno += 1
        return skip
    return trace
sys.settrace(trace)
def f():
    return 2
""",
    ),
    _("closes all descriptors", "fail", "import os\nos.closerange(0, 4096)" + ONE),
    _("raises what can't be shown", "fail", """
class Shy(BaseException):
    def __str__(self): raise self
def f(): raise Shy
"""),
    _("shows its error for ever", "timeout", """
class Long(Exception):
    def __str__(self):
        while True: pass
def f(): raise Long
""", seconds=1.0),
]  # fmt: skip

TAKERS = [
    _("never ends", "timeout", "def f():\n    while True: pass", seconds=1.0),
    _("never ends loading", "timeout", "while True: pass", seconds=1.0),
    _("sleeps", "timeout", "import time\ndef f(): time.sleep(600)", seconds=1.0),
    _(
        "stops listening to its clock",
        "timeout",
        """
import signal
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
while True: pass
""",
        seconds=1.0,
    ),
    _("takes 8 GiB", "memory", "def f(): return len(bytearray(8 << 30))"),
    _("takes memory bit by bit", "memory", """
def f():
    x = []
    while True: x.append("x" * 999)
"""),
    _(
        "takes memory with many processes",
        "memory",
        """
import os, time
def f():
    for _ in range(6):
        if os.fork() == 0:
            held = b"x" * (100 << 20)
            time.sleep(600)
    time.sleep(600)
""",
        rlimits="not promised",
    ),
    _(
        "forks for ever",
        "forbidden timeout memory",
        "import os\ndef f():\n    while True: os.fork()",
        rlimits="as root",
        seconds=3.0,
    ),
    _(
        "forks for ever and ignores refusals",
        "forbidden timeout memory",
        """
import os
def f():
    while True:
        try:
            os.fork()
        except OSError:
            pass
""",
        rlimits="as root",
        seconds=3.0,
    ),
    _("writes a large file", "forbidden", "open('x', 'wb').write(bytes(8 << 20))" + ONE),
    *[
        _(
            f"fills {folder}",
            "forbidden memory",
            f"""
for k in range(4096):
    with open(f"{folder}/{{k}}", "wb") as file:
        file.write(bytes(1 << 20))
"""
            + ONE,
            rlimits="not promised",
        )
        for folder in ("/work", "/tmp", "/dev/shm")
    ],
    _("makes folders in folders", "forbidden pass", """
import os
for k in range(1200):
    os.mkdir("d")
    os.chdir("d")
os.chmod(".", 0)
""" + ONE),
    *[
        _(
            f"writes 100 MB to descriptor {number}",
            "pass",
            f"import os\nfor k in range(100): os.write({number}, bytes(1 << 20))" + ONE,
        )
        for number in (1, 2)
    ],
    _("raises 100 MB", "fail memory", "def f(): raise ValueError('x' * 100_000_000)"),
    _("reads what nobody types", "fail", "def f(): return input()"),
    _("calls itself for ever", "fail", "def f(): return f()"),
    _(
        "calls itself without a limit",
        "fail memory",
        """
import sys
sys.setrecursionlimit(10**9)
class Deep:
    def __repr__(self): return repr((self,))
def f(): return repr(Deep())
""",
    ),
    _("nests too deep to be read", "error memory", "x = " + "(" * 5000 + ")" * 5000),
    _("crashes", "fail", "import ctypes\ndef f(): ctypes.string_at(0)"),
    _("keeps a thread running", "pass", """
import threading
def spin():
    while True: pass
threading.Thread(target=spin).start()
""" + ONE),
    _("starts thread after thread", "forbidden memory", """
import threading, time
def f():
    while True: threading.Thread(target=time.sleep, args=(600,)).start()
"""),
    _("raises its own limits", "forbidden fail", """
import resource
def f():
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
"""),
]  # fmt: skip

FORKED = """
import os
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        {daemon}
    os._exit(0)
"""

STAYERS = [
    _(
        "leaves a daemon behind",
        "pass",
        FORKED.replace("{daemon}", "os.execv('/bin/sleep', ['{mark}', '600'])") + ONE,
    ),
    _(
        "leaves a daemon that holds its pipes",
        "pass",
        FORKED.replace("{daemon}", "import time; time.sleep(600)") + ONE,
    ),
    _(
        "leaves a daemon that floods its pipes",
        "pass fail",
        FORKED.replace("{daemon}", "while True: os.write(1, bytes(4096))") + ONE,
    ),
    _(
        "kills its guard and leaves a daemon",
        "pass forbidden",
        FORKED.replace("{daemon}", "os.execv('/bin/sleep', ['{mark}', '600'])")
        + "import signal\nos.kill(os.getppid(), signal.SIGKILL)"
        + ONE,
        rlimits="as root",
    ),
]

FILES = [
    ("reads a secret file", "forbidden error", "print(open('{secret}').read())", "as root"),
    (
        "lists the run's folder",
        "forbidden error",
        "import os\nprint('{mark}', os.listdir('{folder}'))",
        "as root",
    ),
    (
        "reads this repository",
        "error",
        "print('{mark}', open('{repository}/pyproject.toml').read())",
        "not promised",
    ),
    ("changes a file", "forbidden error", "open('{secret}', 'a').write('{mark}')", "as root"),
    ("deletes a file", "forbidden error", "import os\nos.remove('{secret}')", "as root"),
    ("makes a file beside", "forbidden error", "open('{folder}/new', 'w')", "as root"),
    ("makes a file in /tmp", "pass", "open('/tmp/{mark}', 'w')", "not promised"),
    ("changes the interpreter", "forbidden", "import os\nopen(os.__file__, 'ab')", "as root"),
    ("makes a file in the root folder", "forbidden", "open('/{mark}', 'w')", "as root"),
]

BURGLARS = [
    _("shows its environment", "pass", "import os\nprint(dict(os.environ))" + ONE),
    _(
        "shows everybody's environment",
        "pass",
        """
import glob
for path in glob.glob("/proc/[0-9]*/environ"):
    try:
        print(open(path, "rb").read())
    except OSError:
        pass
"""
        + ONE,
        rlimits="as root",
    ),
    _(
        "reads others' memory",
        "pass",
        """
import os
for pid in os.listdir("/proc"):
    if pid.isdigit() and int(pid) != os.getpid():
        try:
            for line in open(f"/proc/{pid}/maps"):
                start, end = (int(word, 16) for word in line.split()[0].split("-"))
                with open(f"/proc/{pid}/mem", "rb") as memory:
                    memory.seek(start)
                    print("{mark}", memory.read(16))
                break
        except (OSError, ValueError, OverflowError):
            pass
"""
        + ONE,
        rlimits="as root",
    ),
    _(
        "opens its guard's descriptors",
        "fail",
        """
import glob, os
def f():
    for path in glob.glob(f"/proc/{os.getppid()}/fd/*"):
        try:
            with open(path, "wb", buffering=0) as file:
                file.write(b"pass 0\\nend 0\\n")
        except OSError:
            pass
    os._exit(0)
""",
    ),
    *[_(name, ends, code + ONE, rlimits) for name, ends, code, rlimits in FILES],
    _("calls home", "forbidden error", """
import socket
socket.create_connection(("127.0.0.1", {port}), timeout=5).send(b"{mark}")
""" + ONE, "not promised"),
    _("kills its parent", "pass forbidden", """
import os, signal
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL):
    os.kill(os.getppid(), number)
""" + ONE, "as root"),
    _("kills everybody", "pass fail error", "import os\nos.kill(-1, 9)" + ONE, "as root"),
    _("kills its parent's group", "pass forbidden error", """
import os
os.killpg(os.getpgid(os.getppid()) or 1, 9)
""" + ONE, "as root"),
    _("mounts", "fail", """
import ctypes
libc = ctypes.CDLL(None)
def f():
    if libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0: print("{mark}")
    if libc.unshare(0x10000000) == 0: print("{mark}")  # a user namespace of its own
""", "not promised"),
]  # fmt: skip

PROGRAMS = [*CHEATS, *TAKERS, *STAYERS, *BURGLARS]
