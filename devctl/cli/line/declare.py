"""How a command is declared: plain data that the quick parser, typer, completion and docs/cli.md all read.

Plain classes on purpose: dataclasses cost 10 ms at every `devctl status`. Nothing here parses or runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.cli.context import Context

Value = str | bool | int | None | list[str]


class Option:
    """A named option. `flag`: takes no value; `many`: may be repeated; `choices`: the only values; `whole`: a
    whole number; `env`: the variable that stands in for it (lists are separated by commas)."""

    __slots__ = ("choices", "complete", "env", "flag", "flags", "help", "many", "metavar", "name", "whole")

    def __init__(
        self,
        *flags: str,
        help: str,
        flag: bool = False,
        many: bool = False,
        metavar: str = "TEXT",
        choices: Sequence[str] = (),
        whole: bool = False,
        env: str = "",
        complete: str = "",
        name: str = "",
    ) -> None:
        self.flags = flags
        self.help = help
        self.flag = flag
        self.many = many
        self.choices = tuple(choices)
        self.metavar = "|".join(choices) if choices else metavar
        self.whole = whole
        self.env = env
        self.complete = complete
        self.name = name or max(flags, key=len).lstrip("-").replace("-", "_")

    @property
    def long(self) -> str:
        """The spelling to use in messages."""
        return max(self.flags, key=len)


class Argument:
    """A positional word. `many`: takes all that are left; `complete`: what Tab offers (`service`)."""

    __slots__ = ("complete", "help", "many", "metavar", "name", "required")

    def __init__(
        self, name: str, *, help: str, many: bool = False, required: bool = True, metavar: str = "", complete: str = ""
    ) -> None:
        self.name = name
        self.help = help
        self.many = many
        self.required = required
        self.metavar = metavar or name.upper()
        self.complete = complete


class Command:
    """One command: what it takes, how it is shown, and the function that runs it.

    `run(context, **values)` gets every parameter by name and returns the exit code. `interspersed=False`:
    options end at the first word, for commands that pass the rest on.
    """

    __slots__ = ("about", "examples", "interspersed", "params", "run", "shape")

    def __init__(
        self,
        run: Callable[..., int],
        *params: Option | Argument,
        about: str = "",
        examples: Mapping[str, str],
        shape: str = "",
        interspersed: bool = True,
    ) -> None:
        self.run = run
        self.params = params
        self.about = about
        self.examples = examples
        self.shape = shape  # what --json prints, for docs/cli.md
        self.interspersed = interspersed

    @property
    def options(self) -> list[Option]:
        return [param for param in self.params if isinstance(param, Option)]

    @property
    def arguments(self) -> list[Argument]:
        return [param for param in self.params if isinstance(param, Argument)]


class Group:
    """A command with commands of its own, such as `tools`. `commands`: name → (summary, command)."""

    __slots__ = ("about", "commands")

    def __init__(self, commands: Mapping[str, tuple[str, Command]], *, about: str = "") -> None:
        self.commands = commands
        self.about = about


class Call:
    """A command line understood: which command, its values, and the global values."""

    __slots__ = ("command", "globals", "path", "values")

    def __init__(self, path: str, command: Command, values: dict[str, Value], globals: dict[str, Value]) -> None:
        self.path = path
        self.command = command
        self.values = values
        self.globals = globals

    def run(self, context: Context) -> int:
        """Run the command and return its exit code."""
        return self.command.run(context, **self.values)
