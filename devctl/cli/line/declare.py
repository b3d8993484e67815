"""How a command is declared: data that the quick parser, typer, completion and docs/cli.md all read.

Plain classes on purpose: dataclasses cost 10 ms at every `devctl status`. Nothing here parses or runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from devctl.cli.line.params import Flag, Option, Param, Positional, Text, TextList

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar, TypeVar

    from devctl.cli.context import Context

    AnyOptions = TypeVar("AnyOptions", bound="Options")


class Options:
    """What a command takes: a subclass declares each parameter as an attribute, an instance has their values."""

    params: ClassVar[tuple[Param, ...]] = ()

    def __init_subclass__(cls) -> None:
        cls.params = (*cls.params, *(param for param in vars(cls).values() if isinstance(param, Param)))

    def __init__(self, raw: Mapping[str, object], environ: Mapping[str, str]) -> None:
        """Read every parameter from what the command line has, else the environment; UsageError on a wrong value."""
        for param in self.params:
            vars(self)[param.name] = param.read(raw.get(param.name), environ)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]  # lists are among the values

    def __repr__(self) -> str:
        return f"{type(self).__name__}({vars(self)})"

    @classmethod
    def named(cls) -> list[Option]:
        """Return the options, in the order of their declaration."""
        return [param for param in cls.params if isinstance(param, Option)]

    @classmethod
    def positional(cls) -> list[Positional]:
        """Return the arguments, in the order in which they are filled."""
        return [param for param in cls.params if isinstance(param, Positional)]


class Command:
    """One command: what it takes, how it is shown, and the function that runs it and returns the exit code.

    `shape` says for docs/cli.md what `--json` prints. `interspersed=False`: options end at the first argument, for
    commands that pass the rest on.
    """

    __slots__ = ("about", "examples", "interspersed", "options", "run", "shape")

    def __init__(
        self,
        run: Callable[[Context, AnyOptions], int],
        options: type[AnyOptions],
        *,
        examples: Mapping[str, str],
        about: str = "",
        shape: str = "",
        interspersed: bool = True,
    ) -> None:
        self.run: Callable[..., int] = run
        self.options: type[Options] = options
        self.about = about
        self.examples = examples
        self.shape = shape
        self.interspersed = interspersed


class Group:
    """A command with commands of its own, such as `tools`. `commands`: name → (summary, command)."""

    __slots__ = ("about", "commands")

    def __init__(self, commands: Mapping[str, tuple[str, Command]], *, about: str = "") -> None:
        self.commands = commands
        self.about = about


class GlobalOptions(Options):
    """What stands before the command and is the same for all: which stack is meant, and how it is shown."""

    files = TextList(
        "--file", "-f", metavar="FILE", env="DEVCTL_FILE", complete="file",
        help="Manifest to read, instead of the nearest stack.yaml; repeat to overlay.",
    )  # fmt: skip
    project_directory = Text(
        "--project-directory", metavar="FOLDER", env="DEVCTL_PROJECT_DIRECTORY", complete="folder",
        help="Folder of the stack, instead of the manifest's.",
    )  # fmt: skip
    project_name = Text(
        "--project-name", "-p", metavar="NAME", env="DEVCTL_PROJECT_NAME",
        help="Name of a second copy of the stack, with state of its own.",
    )  # fmt: skip
    profiles = TextList(
        "--profile", metavar="NAME", complete="profile", env="DEVCTL_PROFILES",
        help="Also start the services of this profile; may be repeated.",
    )  # fmt: skip
    env_files = TextList(
        "--env-file", metavar="FILE", env="DEVCTL_ENV_FILE", complete="file",
        help="Variables to read instead of the .env beside the manifest.",
    )  # fmt: skip
    no_color = Flag("--no-color", help="No colours, as with NO_COLOR=1.")


class Call:
    """A command line understood: which command, its options, and the global ones."""

    __slots__ = ("command", "globals", "options", "path")

    def __init__(self, path: str, command: Command, options: Options, globals: GlobalOptions) -> None:
        self.path = path
        self.command = command
        self.options = options
        self.globals = globals

    def run(self, context: Context) -> int:
        """Run the command and return its exit code."""
        return self.command.run(context, self.options)
