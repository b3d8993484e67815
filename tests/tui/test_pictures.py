"""A dozen pictures of the terminal UI, and the one in README: compared as text and styles with those that are kept.

DEVCTL_PICTURES=write keeps the ones of now.
"""

import hashlib
import itertools
import os
import re
from pathlib import Path

import pytest

from tests.tui.driving import Driver, driving
from tests.tui.fakes import broken, busy, shop

PICTURES = Path(__file__).parent / "pictures"
README_PICTURE = Path(__file__).parents[2] / "docs" / "images" / "tui.svg"
WRITES = os.environ.get("DEVCTL_PICTURES") == "write"

SCENES = {
    "overview-80": (shop, (80, 24), (), "8/8 healthy"),
    "overview-120": (broken, (120, 40), (), "Check, asked just now"),
    "wide": (broken, (200, 50), (), "card was declined"),
    "logs": (shop, (80, 24), ("2",), "card was declined"),
    "logs-paused": (shop, (120, 40), ("2", "card was declined", "k"), "paused"),
    "trace": (shop, (120, 40), ("3", "POST /orders", "enter"), "place order"),
    "journey": (shop, (80, 24), ("4", "0192f3c4", "enter"), "order placed"),
    "map": (shop, (80, 24), ("5",), "→ payment"),
    "metrics": (shop, (80, 24), ("6",), "Errors"),
    "events": (shop, (80, 24), ("7",), "dead letter"),
    "why": (broken, (80, 24), ("w",), "KeyError"),
    "help": (shop, (80, 24), ("question_mark",), "Moving"),
}  # fmt: skip
"""Stack, size, what is pressed and seen in turns, what is seen at the end."""


def compare(path: Path, picture: str) -> None:
    """Compare a picture with the one that is kept, or keep it."""
    if WRITES:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(picture, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == picture, "DEVCTL_PICTURES=write keeps the picture of now"


def drawn(tui: Driver) -> str:
    """Return what stands on the screen, and a digest of how it is coloured."""
    digest = hashlib.sha256()
    for strip in tui.app.screen._compositor.render_strips():
        for segment in strip:
            style = segment.style
            digest.update(
                f"{segment.text}|{style and (style.color, style.bgcolor, style.bold, style.reverse)}".encode()
            )
    return "\n".join([*tui.lines(), "", f"styles {digest.hexdigest()[:16]}", ""])


async def _settle(tui: Driver, expected: str) -> None:
    await tui.sees(expected)
    await tui.until(lambda: "whys" in tui.app.attached.pulse._answers or not tui.control.whys, "why is asked")
    await tui.until(lambda: bool(tui.app.model.loads), "the traffic is known")
    before = ""
    while before != (before := tui.text()):  # until nothing moves any more
        await tui.pilot.pause(0.4)


@pytest.mark.parametrize("name", SCENES)
async def test_the_screen_looks_as_its_picture(tmp_path: Path, name: str) -> None:
    frames, size, turns, expected = SCENES[name]
    async with driving(tmp_path, frames(), size) as tui:
        for key, seen in itertools.zip_longest(turns[::2], turns[1::2], fillvalue=expected):
            await tui.until(lambda: not tui.active.is_loading)
            await tui.press(key)
            await tui.pilot.pause(0.3)
            await tui.sees(seen)
        await _settle(tui, expected)
        compare(PICTURES / f"{name}.txt", drawn(tui))


async def test_the_picture_in_readme_is_what_the_terminal_ui_shows(tmp_path: Path) -> None:
    async with driving(tmp_path, busy(), (160, 30)) as tui:
        await tui.at("✗ failed")
        await _settle(tui, "Details payment")
        svg = tui.app.export_screenshot(title="devctl tui")
        svg = re.sub(r"terminal-\d+", "terminal-devctl", svg)  # the number differs from run to run
        svg = re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # fonts of other hosts are not asked for
        compare(README_PICTURE, svg)
