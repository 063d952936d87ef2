"""typer as this house uses it: no pydantic, our own help pages, errors with hints.

typer 0.29 imports pydantic (0.1 s) as soon as a command with a value runs, to convert it. Our
options are flags, words and numbers; `_Plain` converts those. Where a typer has no such hook,
setting it does nothing.
"""

from __future__ import annotations

from typing import Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from iterun.cli.console import Screen, Span, out
from iterun.cli.text import pad, wrap
from iterun.errors import ConfigError

#: what click calls an unknown option, a missing or a bad value
_USAGE: type[Exception] = typer.BadParameter.__mro__[1]


class _Plain:
    """Converts a value from the command line: text, number, or a list of texts."""

    def __init__(self, annotation: Any) -> None:
        kinds = (annotation, *getattr(annotation, "__args__", ()))
        self._kind: type | None = next((kind for kind in (int, float) if kind in kinds), None)

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        if self._kind is None or value is None or isinstance(value, bool):
            return list(value) if isinstance(value, tuple) else value
        try:
            return self._kind(value)
        except ValueError:
            what = "whole number" if self._kind is int else "number"
            raise typer.BadParameter(f"{value!r} is not a {what}", ctx=ctx, param=param) from None


def _plain(params: list[Any]) -> list[Any]:
    """The parameters, converted by `_Plain` from now on."""
    for param in params:
        if (descriptor := getattr(param, "type_descriptor", None)) is not None:
            param._runtime_param = _Plain(descriptor.annotation)
    return params


class Command(TyperCommand):
    """A command with our help page and without pydantic."""

    def get_params(self, ctx: Any) -> list[Any]:
        """All parameters, --help with them."""
        return _plain(super().get_params(ctx))

    def get_help(self, ctx: Any) -> str:
        """The page behind `iterun COMMAND --help`."""
        screen = out()
        lines = [screen.render(*parts) for parts in _page(self, ctx, screen)]
        return "\n".join(lines).rstrip()


class Group(TyperGroup):
    """All commands; usage errors become ours."""

    def get_params(self, ctx: Any) -> list[Any]:
        """All parameters, --help with them."""
        return _plain(super().get_params(ctx))

    def get_help(self, ctx: Any) -> str:
        """The page behind `iterun --help`."""
        import io

        from iterun.cli import guide

        screen = out()
        text = screen.stream = io.StringIO()
        guide.show_help(screen)
        return text.getvalue().rstrip()

    def main(self, *args: Any, **settings: Any) -> Any:
        """Run a line.

        Raises:
            ConfigError: an unknown option, a missing or a bad value.
            BrokenPipeError: nobody reads the output any more.
        """
        try:
            return super().main(*args, **{**settings, "standalone_mode": False})
        except SystemExit:  # in this mode click leaves by it only when the reader is gone
            raise BrokenPipeError from None
        except _USAGE as error:
            _refuse(error)


def _refuse(error: Any) -> NoReturn:
    ctx = error.ctx
    path = ctx.command_path if ctx else "iterun"
    near = getattr(error, "possibilities", None)
    hint = f"did you mean {' or '.join(near)}?" if near else f"{path} --help"
    message = (
        error.format_message().rstrip(".").partition(" Did you mean")[0].partition(" (Possible")[0]
    )
    raise ConfigError(f"{path}: {message[:1].lower()}{message[1:]}", hint=hint)


def _page(command: Command, ctx: Any, screen: Screen) -> list[list[Any]]:
    """What it does, how it is called, its arguments and options, examples."""
    about, _, examples = (command.help or "").partition("\n\nExamples:\n")
    first, *paragraphs = about.strip().split("\n\n")
    room = min(screen.width, 100)
    lines: list[list[Any]] = [[Span("usage: ", "dim"), Span(_usage(command, ctx), "bold")], []]
    lines += [[line] for line in wrap(first, room)]
    for paragraph in paragraphs:
        lines += [[], *([line] for line in wrap(paragraph, room))]
    for title, kind in (("Arguments", "argument"), ("Options", "option")):
        params = (p for p in command.get_params(ctx) if p.param_type_name == kind)
        rows = [_row(p) for p in params if not getattr(p, "hidden", False)]
        if rows:
            lines += [[], [Span(title, "bold")], *_table(rows, room)]
    if examples:
        lines += [[], [Span("Examples", "bold")]]
        lines += [["  ", Span(line.strip(), "accent")] for line in examples.strip().splitlines()]
    return lines


def _usage(command: Command, ctx: Any) -> str:
    names = [p.metavar or p.name.upper() for p in command.params if p.param_type_name == "argument"]
    return " ".join([ctx.command_path, *names, "[OPTIONS]"])


def _row(param: Any) -> tuple[str, str]:
    if param.param_type_name == "argument":
        return param.metavar or param.name.upper(), param.help or ""
    if param.name == "help":
        return "--help", "this page"
    value = f" {param.metavar}" if param.metavar and not param.is_flag else ""
    return ", ".join(sorted(param.opts, key=len)) + value, param.help or ""


def _table(rows: list[tuple[str, str]], room: int) -> list[list[Any]]:
    widest = max(len(name) for name, _ in rows)
    lines: list[list[Any]] = []
    for name, text in rows:
        first, *more = wrap(text, max(20, room - widest - 4))
        lines.append(["  ", Span(pad(name, widest), "accent"), "  ", first])
        lines += [[" " * (widest + 4), line] for line in more]
    return lines
