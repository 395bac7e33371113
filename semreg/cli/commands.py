"""Commands that entry points of the group `semreg.commands` bring, from plugins and from semreg.

semreg imports a command when it is invoked. The help shows the first line of its docstring, read from its source.
"""

from __future__ import annotations

import contextlib
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from semreg.cli.output import require_printed
from semreg.cli.static import documentation_at
from semreg.core import UserError, printable
from semreg.core.registry import InstalledEntryPoint, import_target, installed_entry_points
from semreg.store.messages import in_first_process, say

GROUP = "semreg.commands"
HELP = {"help_option_names": ["-h", "--help"]}


class Commands(TyperGroup):
    """The core's commands, then those of plugins; a user's error ends any of them with a message and exit code 2."""

    def list_commands(self, ctx: Any) -> list[str]:
        names = filter(can_type, sorted(point.name for point in installed_entry_points(GROUP)))
        return list(dict.fromkeys([*self.commands, *names]))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        own = super().get_command(ctx, cmd_name)
        points = [point for point in installed_entry_points(GROUP) if point.name == cmd_name]
        return own if own is not None or not points else _lazy_command(points)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        points = [point for point in installed_entry_points(GROUP) if point.name == name and name not in self.commands]
        if ctx.resilient_parsing and len(points) == 1:  # a shell asks for completions
            with contextlib.suppress(UserError):  # the command prints it when it is invoked
                command = _imported(points[0])
        return name, command, rest

    def get_params(self, ctx: Any) -> list[Any]:
        params = super().get_params(ctx)
        for param in params:
            if param.name in ("install_completion", "show_completion"):
                param.default = False  # to check None, Typer would import pydantic for every command
        return params

    def get_help_option(self, ctx: Any) -> Any:
        option = super().get_help_option(ctx)
        if option is not None:
            option.default = False  # as above
        return option

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            _say(error.text())
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt as error:
            _say(str(error) or "interrupted")
            raise typer.Exit(getattr(error, "code", 130)) from None


def can_type(name: str) -> bool:
    """Whether a command can have this name: it is one word, and doesn't look like an option."""
    return name.isprintable() and name.split() == [name] and not name.startswith("-")


def _say(message: str) -> None:
    if in_first_process():
        say(message)


class PrintingCommand(TyperCommand):
    """A command that only prints: it fails if its output can't be written."""

    def invoke(self, ctx: Any) -> Any:
        super().invoke(ctx)
        require_printed()


class _Quick:
    """A part of commands: without arguments they take their defaults unchecked.

    Typer checks values by pydantic. Its import takes longer than everything else that such a command does.
    """

    params: list[Any]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args or any(parameter.required or parameter.envvar for parameter in self.params):
            return super().parse_args(ctx, args)  # type: ignore[misc, no-any-return]
        ctx.params.update({parameter.name: parameter.get_default(ctx) for parameter in self.params})
        return []


class QuickCommand(_Quick, PrintingCommand):
    """A command that only prints, and starts fast without arguments."""


class QuickGroup(_Quick, TyperGroup):
    """A command with subcommands that starts fast without arguments."""


def command_group() -> typer.Typer:
    """Return an empty command that can have subcommands, and also does something without them."""
    return typer.Typer(
        cls=QuickGroup,
        invoke_without_command=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings=HELP,
    )


def _lazy_command(points: list[InstalledEntryPoint]) -> Any:
    """Return a command that looks like any other in the help, and imports the plugin's command when it is invoked."""
    point = points[0]
    brought = f"Brought by {' and '.join(point.origin for point in points)}."
    application = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

    @application.command(
        point.name,
        help=printable((len(points) == 1 and first_line(point.value)) or brought),
        add_help_option=False,
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "allow_interspersed_args": False},
    )
    def invoke(context: typer.Context) -> None:
        if len(points) > 1:
            claims = " and by ".join(f"{point.origin} ({point.value})" for point in points)
            raise UserError(f"semreg {point.name}", f"the command is claimed by {claims}; uninstall one of them")
        _imported(point).main(args=context.args, prog_name=f"semreg {point.name}")

    return get_command(application)


def first_line(target: str) -> str:
    """Return the first line of the docstring of `module:name` without importing it; "" if it has none."""
    return next(iter(documentation_at(target).splitlines()), "")


def _imported(point: InstalledEntryPoint) -> Any:
    """Return the command of an entry point. Raises UserError if it can't be imported."""
    return as_command(import_target(f"command {point.name!r}", point.value, point.origin))


def as_command(loaded: Any) -> Any:
    """Return the command that a Typer application, a click command or a function with Typer's annotations defines."""
    if isinstance(loaded, typer.Typer):
        return get_command(loaded)
    if hasattr(loaded, "main"):
        return loaded
    application = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    application.command(context_settings=HELP)(loaded)
    return get_command(application)
