"""The typer application, built from the same declarations: help, mistakes, did-you-mean and completion.

Only loaded when the quick parser declines; commands are imported one at a time, when they are asked for.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from devctl.cli.line import complete, registry
from devctl.cli.line.declare import Argument, Call, Command, Group, Option
from devctl.cli.line.parse import convert

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
LINES_KEPT = "\b"  # typer keeps the line breaks of a paragraph that begins with this


def read(argv: Sequence[str], environ: Mapping[str, str]) -> Call | int:
    """Return the call that `argv` means, or the exit code after help, a mistake or completion was printed."""
    calls: list[Call] = []
    app = typer.Typer(
        cls=_lazy_group(calls, environ),
        add_completion=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=CONTEXT,
        help="Start, watch and explain a whole microservice system on one machine.",
        epilog=_examples(registry.EXAMPLES) + "\n\n" + EXIT_CODES,
    )
    app.callback()(_with_signature(_remember, [*registry.GLOBALS, _VERSION]))
    try:
        typer.main.get_command(app).main(args=list(argv), prog_name="devctl")
    except SystemExit as leave:
        code = leave.code if isinstance(leave.code, int) else int(bool(leave.code))
        if code == 2:
            _hint_at_globals(argv)
        return calls[0] if calls and not code else code
    return calls[0] if calls else 0


def _hint_at_globals(argv: Sequence[str]) -> None:
    """Say where a global option stands when one was given after the command."""
    place = next((i for i, word in enumerate(argv) if word in registry.COMMANDS), len(argv))
    flags = {flag for option in registry.GLOBALS for flag in option.flags}
    for word in argv[place + 1 :]:
        if word in flags:
            typer.echo(f"{word} stands before the command: devctl {word} … {argv[place]}", err=True)
            return


EXIT_CODES = (
    f"{LINES_KEPT}\nExit codes: 0 ok, 1 not healthy or a check failed, 2 usage or manifest,\n"
    "3 environment (engine, tool, port, disk), 4 a bug in devctl, 130 interrupted."
)
_VERSION = Option("--version", flag=True, help="Print the version.")


def _remember(ctx: typer.Context, **values: object) -> None:
    ctx.obj = values


def _lazy_group(calls: list[Call], environ: Mapping[str, str]) -> type[TyperGroup]:
    class LazyGroup(TyperGroup):
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
            found = registry.find(str(name))
            assert found is not None
            return name, _build(str(name), found, calls, environ), rest

    return LazyGroup


def _stub(name: str, summary: str, *, hidden: bool = False) -> TyperCommand:
    return TyperCommand(name, help=summary, short_help=summary, hidden=hidden, rich_markup_mode=None)


def _build(name: str, found: Command | Group, calls: list[Call], environ: Mapping[str, str]) -> Any:
    summary = registry.COMMANDS[registry.ALIASES.get(name, name)]
    app = typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=CONTEXT,
        no_args_is_help=isinstance(found, Group),
    )
    if isinstance(found, Command):
        _register(app, name, name, summary, found, calls, environ)
        built = typer.main.get_command(app)
    else:
        app.callback(help=f"{summary}\n\n{found.about}")(_nothing)
        for action, (line, command) in found.commands.items():
            _register(app, action, f"{name} {action}", line, command, calls, environ)
        built = typer.main.get_command(app)
    built.name = name
    return built


def _nothing() -> None:
    pass


def _register(
    app: typer.Typer,
    name: str,
    path: str,
    summary: str,
    command: Command,
    calls: list[Call],
    environ: Mapping[str, str],
) -> None:
    def call(ctx: typer.Context, **values: object) -> None:
        top = ctx.find_root().obj or {}
        calls.append(
            Call(path, command, convert(command.params, values, environ), convert(registry.GLOBALS, top, environ))
        )

    about = "\n\n".join(part for part in (summary, command.about) if part)
    settings = {**CONTEXT, "allow_interspersed_args": command.interspersed}
    options = {"name": name, "help": about, "epilog": _examples(command.examples), "context_settings": settings}
    app.command(**options)(_with_signature(call, command.params))  # type: ignore[arg-type]


def _examples(examples: Mapping[str, str]) -> str:
    if not examples:
        return ""
    width = max(map(len, examples))
    return f"{LINES_KEPT}\nExamples:\n" + "\n".join(f"  {line:<{width}}  {why}" for line, why in examples.items())


def _with_signature(function: Callable[..., None], params: Sequence[Option | Argument]) -> Callable[..., None]:
    context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    parameters = [context, *_parameters(params)]

    def call(*args: Any, **values: Any) -> None:
        function(*args, **values)

    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return call


def _parameters(params: Sequence[Option | Argument]) -> Iterator[inspect.Parameter]:
    for param in params:
        annotation, default = _argument(param) if isinstance(param, Argument) else _option(param)
        yield inspect.Parameter(param.name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _argument(argument: Argument) -> tuple[Any, Any]:
    offers = complete.offers(argument.complete)
    info = typer.Argument(help=argument.help, metavar=argument.metavar, autocompletion=offers, show_default=False)
    default: Any = inspect.Parameter.empty if argument.required else [] if argument.many else None
    kind = list[str] if argument.many else str if argument.required else str | None
    return Annotated[kind, info], default


def _option(option: Option) -> tuple[Any, Any]:
    if option.flag:
        return Annotated[bool, typer.Option(*option.flags, help=option.help, show_default=False)], False
    offers = (lambda: list(option.choices)) if option.choices else complete.offers(option.complete)
    info = typer.Option(
        *option.flags, help=_option_help(option), metavar=option.metavar, autocompletion=offers, show_default=False
    )
    return (Annotated[list[str], info], []) if option.many else (Annotated[str | None, info], None)


def _option_help(option: Option) -> str:
    return f"{option.help} [env: {option.env}]" if option.env else option.help
