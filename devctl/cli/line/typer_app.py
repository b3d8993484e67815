"""The typer application, built from the same declarations: help, mistakes, did-you-mean and completion.

Only loaded when the quick parser leaves a line to it; commands are imported one at a time, when they are needed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from devctl.cli.line import complete, registry
from devctl.cli.line.declare import Call, Command, GlobalOptions, Group
from devctl.cli.line.params import Flag, Option, Param, Positional

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
LINES_KEPT = "\b"  # typer keeps the line breaks of a paragraph that begins with this
EXIT_CODES = (
    f"{LINES_KEPT}\nExit codes: 0 ok, 1 not healthy or a check failed, 2 usage or manifest,\n"
    "3 environment (engine, tool, port, disk), 4 a bug in devctl, 130 interrupted."
)


class _TopOptions(GlobalOptions):
    version = Flag("--version", help="Print the version.")


class _Reading:
    """What one call of `read` goes through typer with; typer hands it on as `obj` of its contexts."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.globals: Mapping[str, object] = {}
        self.call: Call | None = None


def read(argv: Sequence[str], environ: Mapping[str, str]) -> Call | int:
    """Return the call that `argv` means, or the exit code after help, a mistake or completion was printed."""
    reading = _Reading(environ)
    code = 0
    try:
        _application().main(args=list(argv), prog_name="devctl", obj=reading)
    except SystemExit as leave:
        code = leave.code if isinstance(leave.code, int) else int(bool(leave.code))
        if code == 2:
            _hint_at_globals(argv)
    return code if code or reading.call is None else reading.call


def overview(columns: int) -> str:
    """Return what `devctl --help` prints in so many columns."""
    application = _application()
    context = application.make_context("devctl", [], resilient_parsing=True, terminal_width=columns)
    return str(application.get_help(context))


def _hint_at_globals(argv: Sequence[str]) -> None:
    """Say where a global option stands when one was given after the command."""
    position = next((i for i, token in enumerate(argv) if token in registry.COMMANDS), len(argv))
    flags = {flag for option in GlobalOptions.named() for flag in option.flags}
    for token in argv[position + 1 :]:
        if token in flags:
            typer.echo(f"{token} stands before the command: devctl {token} … {argv[position]}", err=True)
            return


@cache
def _application() -> Any:
    app = typer.Typer(
        cls=_LazyGroup,
        add_completion=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=CONTEXT,
        help="Start, watch and explain a whole microservice system on one machine.",
        epilog=_examples(registry.EXAMPLES) + "\n\n" + EXIT_CODES,
    )
    app.callback()(_with_signature(_keep_globals, _TopOptions.params))
    return typer.main.get_command(app)


def _keep_globals(ctx: typer.Context, **values: object) -> None:
    ctx.obj.globals = values


class _LazyGroup(TyperGroup):
    """Shows every command from the registry's line and loads the one that is run."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = {name: _stub(name, summary) for name, summary in registry.COMMANDS.items()}
        self.commands |= {
            alias: _stub(alias, registry.COMMANDS[name], hidden=True) for alias, name in registry.ALIASES.items()
        }

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        name, _, rest = super().resolve_command(ctx, args)
        return name, _build(str(name)), rest


def _stub(name: str, summary: str, *, hidden: bool = False) -> TyperCommand:
    return TyperCommand(name, help=summary, short_help=summary, hidden=hidden, rich_markup_mode=None)


@cache
def _build(name: str) -> Any:
    declared = registry.find(name)
    assert declared is not None
    summary = registry.COMMANDS[registry.ALIASES.get(name, name)]
    app = typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=CONTEXT,
        no_args_is_help=isinstance(declared, Group),
    )
    if isinstance(declared, Command):
        _register(app, name, name, summary, declared)
    else:
        app.callback(help=f"{summary}\n\n{declared.about}")(_nothing)
        for action, (line, command) in declared.commands.items():
            _register(app, action, f"{name} {action}", line, command)
    built = typer.main.get_command(app)
    built.name = name
    return built


def _nothing() -> None:
    pass


def _register(app: typer.Typer, name: str, path: str, summary: str, command: Command) -> None:
    def keep_call(ctx: typer.Context, **values: object) -> None:
        reading = ctx.obj
        options = command.options(values, reading.environ)
        reading.call = Call(path, command, options, GlobalOptions(reading.globals, reading.environ))

    about = "\n\n".join(part for part in (summary, command.about) if part)
    settings = {**CONTEXT, "allow_interspersed_args": command.interspersed}
    shown = {"name": name, "help": about, "epilog": _examples(command.examples), "context_settings": settings}
    app.command(**shown)(_with_signature(keep_call, command.options.params))  # type: ignore[arg-type]


def _examples(examples: Mapping[str, str]) -> str:
    if not examples:
        return ""
    width = max(map(len, examples))
    return f"{LINES_KEPT}\nExamples:\n" + "\n".join(f"  {line:<{width}}  {why}" for line, why in examples.items())


def _with_signature(function: Callable[..., None], params: Sequence[Param]) -> Callable[..., None]:
    context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    parameters = [context, *_parameters(params)]

    def call(*args: Any, **values: Any) -> None:
        function(*args, **values)

    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return call


def _parameters(params: Sequence[Param]) -> Iterator[inspect.Parameter]:
    for param in params:
        annotation, default = _argument(param) if isinstance(param, Positional) else _option(param)
        yield inspect.Parameter(param.name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _argument(argument: Positional) -> tuple[Any, Any]:
    offers = complete.offers(argument.complete)
    info = typer.Argument(help=argument.help, metavar=argument.metavar, autocompletion=offers, show_default=False)
    default: Any = inspect.Parameter.empty if argument.is_required else [] if argument.is_list else None
    kind = list[str] if argument.is_list else str if argument.is_required else str | None
    return Annotated[kind, info], default


def _option(option: Param) -> tuple[Any, Any]:
    assert isinstance(option, Option)
    if isinstance(option, Flag):
        return Annotated[bool, typer.Option(*option.flags, help=option.help, show_default=False)], False
    offers = (lambda: list(option.choices)) if option.choices else complete.offers(option.complete)
    info = typer.Option(
        *option.flags, help=_option_help(option), metavar=option.metavar, autocompletion=offers, show_default=False
    )
    return (Annotated[list[str], info], []) if option.is_list else (Annotated[str | None, info], None)


def _option_help(option: Option) -> str:
    return f"{option.help} [env: {option.env}]" if option.env else option.help
