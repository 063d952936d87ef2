"""The words of a line, by Hydra's own parser."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from iterun.errors import ConfigError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence
    from typing import NoReturn


def parsed(argv: Sequence[str]) -> tuple[ArgumentParser, Namespace]:
    """The line, its settings and options in any order.

    Raises:
        ConfigError: an option that isn't there, lacks its value, or is not offered here.
    """
    from hydra import version
    from hydra._internal.utils import get_args_parser

    version.setbase("1.3")
    parser = get_args_parser()
    parser.prog = "iterun"
    parser.error = _refuse  # type: ignore[method-assign]  # it would print and leave
    args = parser.parse_intermixed_args(list(argv))
    if args.experimental_rerun is not None:
        raise ConfigError(
            "--experimental-rerun unpickles a file, which can run any code in it",
            hint="`iterun show RUN` gives the line that repeats a run",
        )
    asked = [args.run, args.multirun, args.cfg, args.info, args.shell_completion]
    if sum(map(bool, asked)) > 1:
        _refuse(
            "only one of --run, --multirun, --cfg, --info and --shell-completion can be asked for"
        )
    if args.resolve and not (args.cfg or args.help):
        _refuse("--resolve goes with --cfg")
    args.config_name = args.config_name or "config"
    for name in ("config_path", "config_dir"):
        value = getattr(args, name)
        if value and not value.startswith("pkg://"):
            setattr(args, name, os.path.abspath(os.path.expanduser(value)))
    return parser, args


def _refuse(message: str) -> NoReturn:
    raise ConfigError(f"this line can't be read: {message}", hint="see iterun --help")


def repeated_flags(args: Namespace) -> list[str]:
    """The options that a job's own line needs."""
    flags: list[str] = []
    for option in ("config_dir", "config_path", "config_name"):
        value: Any = getattr(args, option)
        if value and value != "config":
            flags += [f"--{option.replace('_', '-')}", str(value)]
    return flags
