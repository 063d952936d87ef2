"""`iterun` and `python -m iterun`: each kind of line imports only what it needs."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterun.cli.dispatch import Line
    from iterun.errors import IterunError

_INTERRUPTED = 130
_FULL = (errno.ENOSPC, errno.EDQUOT)
_BROKEN_PIPE = 141  #: what a shell says of a program that SIGPIPE ended


def main(argv: Sequence[str] | None = None) -> int:
    """Do what a command line says; the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    # Before torch is imported. Where another program has one of two cores, threads that spin while
    # they wait take ten times as long and more; docs/decisions/threads.md.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if shell := os.environ.get("_ITERUN_COMPLETE"):
        from iterun.cli import complete

        return complete.answer(shell, words)
    from iterun.cli import dispatch
    from iterun.errors import IterunError

    try:
        status = _do(dispatch.read(words))
        sys.stdout.flush()
    except IterunError as error:
        return _failed(error, with_traceback="--debug" in words)
    except BrokenPipeError:
        _let_go_of_stdout()
        return _BROKEN_PIPE
    except OSError as error:
        if error.errno not in _FULL or error.filename is not None:
            raise
        _let_go_of_stdout()
        why = os.strerror(error.errno or 0).lower()
        full = IterunError(f"the output can't be written: {why}", hint="make room")
        return _failed(full, with_traceback="--debug" in words)
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        return _INTERRUPTED
    return status


def _let_go_of_stdout() -> None:
    """Have nothing left to flush when the interpreter ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _failed(error: IterunError, *, with_traceback: bool) -> int:
    from iterun.cli import console, failure

    if with_traceback:
        import traceback

        sys.stderr.write("".join(traceback.format_exception(error)))
    failure.show(error, console.err())
    return error.exit_status


def _do(line: Line) -> int:
    """The work of each kind of line."""
    from iterun.cli import console

    if line.kind == "command":
        from iterun.cli.app import app

        return app(line.words[:1])(line.words, prog_name="iterun") or 0
    if line.kind == "run":
        from iterun.cli import run

        return run.run(line.words, outputs=line.outputs, quiet=line.quiet, as_json=line.json)
    if line.kind in ("systems", "parameters"):
        from iterun.cli import dispatch, systems

        if line.kind == "systems":
            systems.list_all(None, as_json=line.json)
        else:
            name, folders = dispatch.chosen(line.words, "task"), dispatch.config_dirs(line.words)
            systems.show(name or "", as_json=line.json, folders=folders)
        return 0
    if line.kind == "unknown":
        from iterun.cli import unknown

        raise unknown.word(line.words[0], line.outputs)
    from iterun.cli import guide

    if line.kind == "version":
        guide.show_version(console.out())
    elif line.kind == "help":
        guide.show_help(console.out())
    else:
        guide.guide(console.out())
    return 0


if __name__ == "__main__":
    sys.exit(main())
