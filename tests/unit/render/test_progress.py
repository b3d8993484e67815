"""Progress: the same items as plain lines, as JSON, and drawn in place; never more than happened."""

import io
import json
from typing import Any

import pytest
from rich.console import Console

from devctl.render.live import Live
from devctl.render.progress import Json, Plain
from tests.unit.cli.fake_session import Screen, service, settled

EVIL = "[/bold][link=http://x]y\x1b]0;t\x07\x1b[2J"


def download(done: int, stage: str = "download") -> Any:
    return {
        "progress": {"service": "kafka", "tool": "java", "source": "wheel", "stage": stage, "bytes": done, "total": 100}
    }


def plain(*items: Any) -> list[str]:
    screen = Screen()
    display = Plain(screen)
    for item in items:
        display.item(item)
    return [" ".join(line.split()) for line in screen.messages.splitlines()]


def test_a_change_of_status_is_one_line() -> None:
    starting, healthy = service("order", "starting"), service("order", started_seconds=4.1)
    assert plain({"services": [starting]}, {"services": [starting]}, {"services": [healthy]}) == [
        "order starting", "order healthy after 4.10 s",
    ]  # fmt: skip


def test_what_a_service_waits_for_is_told_once_until_it_moves_on() -> None:
    both, last = (service("order", "blocked", waits_for=names) for names in (["a", "b"], ["b"]))
    assert plain({"services": [both]}, {"services": [last]}) == ["order waits for a and b"]


def test_a_download_is_told_once_a_stage() -> None:
    assert plain(download(1), download(50), download(100, "unpack")) == [
        "kafka download java from wheel (100 B)", "kafka unpack java from wheel (100 B)",
    ]  # fmt: skip


def test_as_json_every_item_is_one_typed_line() -> None:
    screen = Screen()
    display = Json(screen)
    for item in ({"services": [service("order"), service("cart")]}, download(1), {"notice": EVIL}):
        display.item(item)  # type: ignore[arg-type]
    display.settled(settled())  # type: ignore[arg-type]
    rows = [json.loads(row) for row in screen.shown.splitlines()]
    assert [row["type"] for row in rows] == ["service", "service", "progress", "notice", "settled"]
    assert rows[3]["text"] == EVIL
    assert screen.shown.isascii()


@pytest.mark.parametrize("height", [1, 5, 40])
def test_the_drawing_shows_what_is_not_settled_first_and_text_as_text(height: int) -> None:
    live = Live(Screen())
    live.item({"services": [service(f"s{n}") for n in range(30)]})  # type: ignore[typeddict-item]
    live.item({"services": [service("slow", "starting"), service(f"odd{EVIL}", "failed", reason=EVIL)]})  # type: ignore[typeddict-item]
    live.item(download(40))
    output = io.StringIO()
    Console(file=output, width=200, force_terminal=True).print(live.frame(height))
    shown = output.getvalue()
    assert "30 of 32 ready" in shown
    assert "slow" in shown
    assert "40 B of 100 B" in shown
    assert "\x1b]" not in shown
    if height == 40:
        assert "[/bold][link=http://x]y" in shown
