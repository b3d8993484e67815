"""The themes: what each named style of a cell looks like in dark, light, high contrast and the terminal's own colours.

Colour is never the only sign: statuses have shapes and words, errors a mark. The hues are those of Okabe and Ito,
which people with any common colour blindness tell apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from rich.style import Style
from textual.theme import BUILTIN_THEMES, Theme

SHAPES = {
    "healthy": "●", "running": "●", "completed": "✓", "starting": "◐", "stopping": "◑", "pending": "○",
    "blocked": "◌", "unhealthy": "▲", "failed": "✗", "unavailable": "⊘", "stopped": "□",
    "paused": "‖",
}  # fmt: skip
STATUS_STYLES = {
    "healthy": "good", "running": "good", "completed": "good", "starting": "busy", "stopping": "busy",
    "pending": "dim", "blocked": "warn", "unhealthy": "bad", "failed": "bad", "unavailable": "warn", "stopped": "dim",
    "paused": "warn",
}  # fmt: skip
LEVEL_STYLES = {"trace": "dim", "debug": "dim", "info": "", "warning": "warn", "error": "bad", "fatal": "bad strong"}
TINTS = 8
"""Services are told apart by so many tints."""


@dataclass(frozen=True)
class Palette:
    """One theme. `styles`: name → Rich style; a cell may name several, the later ones win."""

    name: str
    foreground: str
    background: str
    surface: str
    accent: str
    styles: Mapping[str, str]
    tints: tuple[str, ...]
    is_dark: bool = True
    is_ansi: bool = False

    @cached_property
    def base(self) -> Style:
        """The style of plain text."""
        return Style.parse(f"{self.foreground} on {self.background}")

    @cached_property
    def _parsed(self) -> dict[str, Style]:
        return {}

    def style(self, names: str) -> Style:
        """Return the look of the named styles over the background."""
        style = self._parsed.get(names)
        if style is None:
            style = self.base
            for name in names.split():
                style += Style.parse(self._definition(name))
            self._parsed[names] = style
        return style

    def _definition(self, name: str) -> str:
        if name.startswith("tint"):
            return self.tints[int(name[4:]) % len(self.tints)]
        return self.styles[name]

    def theme(self) -> Theme:
        """Return what Textual needs for the widgets that are its own (text inputs)."""
        if self.is_ansi:
            return BUILTIN_THEMES["ansi-dark"]  # the terminal's own colours
        return Theme(
            name=f"devctl-{self.name}", primary=self.accent, foreground=self.foreground, background=self.background,
            surface=self.surface, panel=self.surface, dark=self.is_dark,
        )  # fmt: skip


def _styles(**more: str) -> dict[str, str]:
    return {"strong": "bold", "under": "underline", **more}


DARK = Palette(
    "dark", "#d3d7de", "#14171c", "#1d2229", "#56b4e9",
    _styles(
        dim="#7d8794", good="#35c79a", busy="#56b4e9", warn="#e8a93a", bad="#ff7a59", accent="#56b4e9",
        title="bold #e9edf2", bar="#aeb6c2 on #1d2229", key="bold #e8c25b on #1d2229", cursor="on #2b3440",
        idle="on #1f252d", mark="bold #e8c25b", flash="bold #14171c on #e8c25b", match="#14171c on #e8c25b",
        selection="#14171c on #8ecbf0", edge="#39424e", focus="#56b4e9", alarm="bold #14171c on #ff7a59",
        notice="#e9edf2 on #26303b", spark="#4f8fb8", paused="bold #14171c on #e8a93a",
    ),
    ("#56b4e9", "#35c79a", "#e8a93a", "#cc8fc4", "#d9d06b", "#8aa4ff", "#f0917a", "#9fd3c7"),
)  # fmt: skip
LIGHT = Palette(
    "light", "#22272e", "#fbfbf9", "#eceef0", "#0b62a3",
    _styles(
        dim="#6b737d", good="#007a57", busy="#0b62a3", warn="#8f5b00", bad="#b83a00", accent="#0b62a3",
        title="bold #101418", bar="#3d454e on #eceef0", key="bold #7a4d00 on #eceef0", cursor="on #d9e4ee",
        idle="on #edf0f3", mark="bold #7a4d00", flash="bold #fbfbf9 on #8f5b00", match="#101418 on #f4cf6b",
        selection="#101418 on #a6d1f0", edge="#c4cad1", focus="#0b62a3", alarm="bold #fbfbf9 on #b83a00",
        notice="#101418 on #dde5ec", spark="#3c7fb0", paused="bold #fbfbf9 on #8f5b00",
    ),
    ("#0b62a3", "#007a57", "#8f5b00", "#8c3f80", "#6b6400", "#3d52b8", "#b83a00", "#1c6e66"),
    is_dark=False,
)  # fmt: skip
CONTRAST = Palette(
    "contrast", "#ffffff", "#000000", "#000000", "#7fd4ff",
    _styles(
        dim="#c8c8c8", good="#5dffc0", busy="#7fd4ff", warn="#ffd000", bad="bold #ff9470", accent="#7fd4ff",
        title="bold #ffffff", bar="bold #ffffff on #000000", key="bold #ffd000 on #000000", cursor="#000000 on #ffffff",
        idle="underline", mark="bold #ffd000", flash="bold #000000 on #ffd000", match="#000000 on #ffd000",
        selection="#000000 on #7fd4ff", edge="#ffffff", focus="#ffd000", alarm="bold #000000 on #ff9470",
        notice="bold #ffffff on #303030", spark="#7fd4ff", paused="bold #000000 on #ffd000",
    ),
    ("#7fd4ff", "#5dffc0", "#ffd000", "#ffb3f2", "#fff685", "#b3c3ff", "#ffb299", "#b8ffef"),
)  # fmt: skip
TERMINAL = Palette(
    "terminal", "default", "default", "default", "ansi_blue",
    _styles(
        dim="bright_black", good="green", busy="blue", warn="yellow", bad="red", accent="cyan", title="bold",
        bar="reverse", key="bold reverse", cursor="reverse", idle="underline", mark="bold yellow",
        flash="bold reverse yellow", match="reverse yellow", selection="reverse cyan", edge="bright_black",
        focus="cyan", alarm="bold reverse red", notice="reverse", spark="blue", paused="bold reverse yellow",
    ),
    ("cyan", "green", "yellow", "magenta", "blue", "red", "bright_cyan", "bright_magenta"),
    is_ansi=True,
)  # fmt: skip
MONO = Palette(
    "mono", "default", "default", "default", "ansi_white",
    _styles(
        dim="dim", good="not bold", busy="not bold", warn="bold", bad="bold", accent="bold", title="bold",
        bar="reverse", key="bold reverse", cursor="reverse", idle="underline", mark="bold", flash="bold reverse",
        match="reverse", selection="reverse", edge="dim", focus="bold", alarm="bold reverse", notice="reverse",
        spark="not bold", paused="bold reverse",
    ),
    ("not bold",),
    is_ansi=True,
)  # fmt: skip
PALETTES = {palette.name: palette for palette in (DARK, LIGHT, CONTRAST, TERMINAL, MONO)}
