"""Imports torch once and forks a process for each request: real processes, quickly.

A line of JSON in: {"call": name of a function in core_children, "arguments": {...}}.
Lines out: the child's pid, then its exit status (negative: killed by that signal).
"""

import json
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import core_children

for line in sys.stdin:
    request = json.loads(line)
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        status = getattr(core_children, request["call"])(**request["arguments"])
        os._exit(status)
    sys.stdout.write(f"{pid}\n")
    sys.stdout.flush()
    sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n")
    sys.stdout.flush()
