"""The kinds of parameter that a command can take, each with the type of its value and how that is read.

A parameter is declared once, as an attribute of an `Options` class (`follow = Flag("--follow", "-f", help=…)`): the
attribute gives its name, the kind its type (which mypy reads from `Typed`), the help its line in every document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Generic, NoReturn, Self, TypeVar, overload

    T = TypeVar("T")

    class Typed(Generic[T]):
        """What mypy knows of a kind: the declaration on the class of options, a value of type T on an instance."""

        @overload
        def __get__(self, instance: None, owner: type) -> Self: ...
        @overload
        def __get__(self, instance: object, owner: type) -> T: ...
        def __get__(self, instance: object, owner: type) -> Any: ...
else:

    class Typed:
        """Nothing when the program runs: an instance of options has values of its own under the same names."""

        def __class_getitem__(cls, _: object) -> type:
            return cls


Value = str | bool | int | float | list[str] | None


class Param:
    """What options and arguments share. `complete`: what Tab offers (`service`, `tool`, `run`, `file`, `folder`)."""

    def __init__(self, *, help: str, metavar: str, complete: str) -> None:
        self.name = ""
        self.help = help
        self.metavar = metavar
        self.complete = complete

    def __set_name__(self, owner: type, name: str) -> None:
        if self.name not in ("", name):
            raise TypeError(f"{owner.__name__}.{name}: this parameter is called {self.name} elsewhere")
        self.name = name

    def read(self, raw: object, environ: Mapping[str, str]) -> Value:
        """Return the value for what the command line has (None or empty: nothing); UsageError on a wrong one."""
        raise NotImplementedError


class Option(Param):
    """A named option that takes a value. `env`: the variable that stands in for it."""

    is_list = False

    def __init__(
        self, *flags: str, help: str, metavar: str = "TEXT", env: str = "", choices: Sequence[str] = (),
        complete: str = "",
    ) -> None:  # fmt: skip
        super().__init__(help=help, metavar="|".join(choices) or metavar, complete=complete)
        self.flags = flags
        self.env = env
        self.choices = tuple(choices)

    @property
    def long(self) -> str:
        """The spelling to use in messages."""
        return max(self.flags, key=len)

    def read(self, raw: object, environ: Mapping[str, str]) -> Value:
        texts = _texts(raw)
        if texts:
            return self.convert(texts, self.long)
        if self.env and environ.get(self.env):
            return self.convert(self.split(environ[self.env]), self.env)
        return [] if self.is_list else None

    def split(self, variable: str) -> list[str]:
        """Return the values that an environment variable holds."""
        return [variable]

    def convert(self, texts: Sequence[str], source: str) -> Value:
        """Return the value of one or more texts that came from `source`; the last one counts where one is taken."""
        return self.check(texts[-1], source)

    def check(self, text: str, source: str) -> str:
        """Return `text`, which must be one of the choices where there are some."""
        if self.choices and text not in self.choices:
            _refuse_choice(self, text, source)
        return text


class Flag(Option, Typed[bool]):
    """An option without a value: on when it is there."""

    def read(self, raw: object, environ: Mapping[str, str]) -> Value:
        return bool(raw)


class Text(Option, Typed["str | None"]):
    """An option with a text; None when it is not there."""


class Number(Option, Typed["int | None"]):
    """An option with a whole number."""

    def convert(self, texts: Sequence[str], source: str) -> Value:
        text = texts[-1]
        if text.isascii() and text.isdigit() and len(text) < 10:
            return int(text)
        from devctl.errors import UsageError

        raise UsageError(f"{source} takes a whole number, not {text!r}")


class Duration(Option, Typed["float | None"]):
    """An option with a duration, in seconds."""

    def convert(self, texts: Sequence[str], source: str) -> Value:
        from devctl.text import parse_seconds

        try:
            return parse_seconds(texts[-1])
        except ValueError:
            from devctl.errors import UsageError

            raise UsageError(f"{source} takes a duration such as 30s, 5m or 1h30m, not {texts[-1]!r}") from None


class TextList(Option, Typed["list[str]"]):
    """An option that may be repeated; its variable holds values between commas."""

    is_list = True

    def split(self, variable: str) -> list[str]:
        return [item for item in variable.split(",") if item]

    def convert(self, texts: Sequence[str], source: str) -> Value:
        return [self.check(text, source) for text in texts]


class Positional(Param):
    """What stands by itself on the command line."""

    is_list = False
    is_required = True

    def __init__(self, metavar: str, *, help: str, complete: str = "") -> None:
        super().__init__(help=help, metavar=metavar, complete=complete)

    def read(self, raw: object, environ: Mapping[str, str]) -> Value:
        return None if raw is None else str(raw)


class Argument(Positional, Typed[str]):
    """One that must be there."""


class OptionalArgument(Positional, Typed["str | None"]):
    """One that may be left out."""

    is_required = False


class Arguments(Positional, Typed["list[str]"]):
    """All that are left, none included."""

    is_list = True
    is_required = False

    def read(self, raw: object, environ: Mapping[str, str]) -> Value:
        return _texts(raw)


class RequiredArguments(Arguments):
    """All that are left, and at least one."""

    is_required = True


def _texts(raw: object) -> list[str]:
    if isinstance(raw, list | tuple):
        return [str(item) for item in raw]
    return [] if raw is None else [str(raw)]


def _refuse_choice(option: Option, text: str, source: str) -> NoReturn:
    from devctl.errors import UsageError
    from devctl.text import listing, nearest

    guess = nearest(text, option.choices)
    raise UsageError(
        f"{source} takes {listing(option.choices, 'or')}, not {text!r}",
        next=f"Did you mean {guess!r}?" if guess else "",
    )
