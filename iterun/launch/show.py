"""What Hydra shows instead of running: --cfg, --info, --hydra-help, its shell completion."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

    from hydra._internal.hydra import Hydra


def show(hydra: Hydra, parser: ArgumentParser, args: Namespace) -> None:
    """Print what the line asks Hydra to show, from its own mouth."""
    with _logging_as_before():
        _show(hydra, parser, args)


def _show(hydra: Hydra, parser: ArgumentParser, args: Namespace) -> None:
    if args.hydra_help:
        # It is composed without config.yaml, so that only Hydra's own settings can be given.
        args.overrides = [text for text in args.overrides if text.startswith("hydra")]
        hydra.hydra_help(config_name=args.config_name, args_parser=parser, args=args)
    elif args.help:
        hydra.app_help(config_name=args.config_name, args_parser=parser, args=args)
    elif args.cfg:
        hydra.show_cfg(
            config_name=args.config_name,
            overrides=args.overrides,
            cfg_type=args.cfg,
            package=args.package,
            resolve=args.resolve,
        )
    elif args.shell_completion:
        hydra.shell_completion(config_name=args.config_name, overrides=args.overrides)
    else:
        hydra.show_info(args.info, config_name=args.config_name, overrides=args.overrides)


@contextmanager
def _logging_as_before() -> Iterator[None]:
    """Take off what Hydra's --info and --hydra-help hang into the root logger."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    try:
        yield
    finally:
        root.setLevel(level)
        root.handlers[:] = handlers
