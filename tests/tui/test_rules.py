"""The rules of the terminal UI: keys, following, copying, actions, history; each as a person would notice it broken."""

import subprocess
from pathlib import Path

import pytest
from textual import events

from devctl.tui import keys
from devctl.tui.memory import Memory
from devctl.tui.stack import NoControl, Shell
from tests.tui.driving import Driver, driving
from tests.tui.fakes import TRACE, broken, fake_stack, instance, line, log, service, shop, status

MANY = [*shop()[:3], *(log(n / 10, "order", line("info", f"line {n}", n=n)) for n in range(300))]


def add(tui: Driver, *frames: dict[str, object]) -> None:
    """Let more happen."""
    tui.stack._frames += frames
    tui.stack.play()


# Keys


def test_no_key_means_two_things_and_letters_of_verbs_are_the_same_everywhere() -> None:
    pressed = [key for action in keys.ACTIONS for key in action.keys]
    assert len(pressed) == len(set(pressed))
    assert not set(pressed) & (keys.MOVES.keys() - {"left", "right", "up", "down"})
    verbs = {"logs": "l", "traces": "t", "details": "d", "why": "w", "restart": "r", "toggle": "s", "kill": "x",
             "exec": "e", "browse": "o", "copy": "y"}  # fmt: skip
    assert {name: keys.BY_NAME[name].keys[0] for name in verbs} == verbs


@pytest.mark.parametrize("room", [60, 80, 100, 120, 200])
def test_the_footer_fits_the_width_and_shows_only_what_is_valid_now(room: int) -> None:
    from devctl.tui.cells import columns
    from devctl.tui.summary import footer

    cells, spans = footer({"open", "logs", "restart", "copy", "help", "quit"}, room)
    assert columns(cells) <= room
    assert {name for _, _, name in spans} <= {"open", "logs", "restart", "copy", "help", "quit"}


async def test_help_lists_every_action_of_the_registry(tmp_path: Path) -> None:
    async with driving(tmp_path, size=(120, 40)) as tui:
        await tui.press("question_mark")
        await tui.sees("Keys", "Moving")
        rows = "\n".join(row.text for row in tui.app.screen.lines.rows)  # type: ignore[attr-defined]
        assert all(action.label in rows for action in keys.ACTIONS)
        await tui.press("G")
        await tui.sees("Leave; the stack stays as it is")
        await tui.press("q")
        await tui.sees("Services")


async def test_the_palette_finds_a_command_by_its_name_and_does_it(tmp_path: Path) -> None:
    async with driving(tmp_path) as tui:
        await tui.press("colon")
        await tui.sees("Commands")
        await tui.press(*"restart cart")
        await tui.sees("Restart cart")
        await tui.press("enter")
        await tui.until(lambda: ("restart", ("cart",)) in tui.control.calls, "cart is restarted")


async def test_letters_and_arrows_move_alike_also_in_dialogs(tmp_path: Path) -> None:
    async with driving(tmp_path) as tui:
        first = tui.active.lines.cursor
        await tui.press("j", "down", "k")
        assert tui.active.lines.cursor == first + 1
        await tui.press("G", "g", "ctrl+d", "ctrl+u")
        assert tui.active.lines.cursor == first
        await tui.press("question_mark")
        await tui.sees("Keys")
        before = tui.app.screen.lines.cursor  # type: ignore[attr-defined]
        await tui.press("j", "j", "k")
        assert tui.app.screen.lines.cursor == before + 1  # type: ignore[attr-defined]


async def test_a_filter_hides_what_does_not_match_and_escape_takes_back_one_level_at_a_time(tmp_path: Path) -> None:
    async with driving(tmp_path) as tui:
        await tui.press("slash", *"pay", "enter")
        await tui.sees_not("catalog")
        await tui.press("space")
        assert tui.active.lines.marks
        await tui.press("escape")
        assert not tui.active.lines.marks
        assert tui.active.filter == "pay"
        await tui.press("escape")
        await tui.sees("catalog")


async def test_a_filter_that_nothing_matches_leaves_an_empty_list_that_takes_every_key(tmp_path: Path) -> None:
    async with driving(tmp_path) as tui:
        await tui.press("slash", *"no such service", "enter")
        await tui.until(lambda: not tui.active.lines.rows, "nothing is left")
        await tui.press("j", "G", "g", "space", "enter", "y", "r", "escape", "escape")
        await tui.sees("catalog")


async def test_n_and_N_go_from_match_to_match(tmp_path: Path) -> None:  # noqa: N802  the keys' own names
    async with driving(tmp_path) as tui:
        await tui.press("slash", *"10", "enter")
        await tui.press("n")
        first = tui.active.lines.cursor
        await tui.press("n")
        assert tui.active.lines.cursor != first
        await tui.press("N")
        assert tui.active.lines.cursor == first


async def test_a_filter_that_is_none_is_refused_in_words(tmp_path: Path) -> None:
    async with driving(tmp_path) as tui:
        await tui.press("slash", *"re:(", "enter")
        await tui.sees("no regular expression")


async def test_brackets_go_back_and_forward_through_the_views(tmp_path: Path) -> None:
    async with driving(tmp_path) as tui:
        await tui.at("order  ")
        await tui.press("l")
        await tui.sees("Logs order")
        await tui.press("3")
        await tui.sees("Traces")
        await tui.press("left_square_bracket")
        await tui.sees("Logs order")
        await tui.press("left_square_bracket")
        await tui.sees("Services")
        await tui.press("right_square_bracket")
        await tui.sees("Logs order")


async def test_zoom_gives_a_pane_the_whole_screen_and_takes_it_back(tmp_path: Path) -> None:
    async with driving(tmp_path, size=(120, 40)) as tui:
        await tui.sees("Details")
        await tui.press("z")
        await tui.sees_not("Details ")
        await tui.press("z")
        await tui.sees("Details ")


async def test_tab_goes_from_pane_to_pane(tmp_path: Path) -> None:
    async with driving(tmp_path, size=(120, 40)) as tui:
        await tui.sees("Details ")
        await tui.press("tab")
        await tui.until(lambda: tui.active.NAME == "details")
        await tui.press("tab")
        await tui.until(lambda: tui.active.NAME == "overview")


@pytest.mark.parametrize(
    ("size", "panes"),
    [((80, 24), 1), ((120, 40), 2), ((200, 50), 3)],
)
async def test_the_size_decides_how_many_panes_there_are(tmp_path: Path, size: tuple[int, int], panes: int) -> None:
    async with driving(tmp_path, size=size) as tui:
        await tui.until(lambda: len(tui.app.panes.shown()) == panes)


async def test_below_60_by_15_one_sentence_says_so(tmp_path: Path) -> None:
    async with driving(tmp_path, size=(50, 12)) as tui:
        await tui.sees("too small: 60×15 at least")
        await tui.pilot.resize_terminal(80, 24)
        await tui.sees("shop ● 8/8 healthy")


# Following


async def test_any_move_up_ends_following_and_the_bar_counts_what_is_new(tmp_path: Path) -> None:
    async with driving(tmp_path, MANY) as tui:
        await tui.press("2")
        await tui.sees("line 299", "following")
        await tui.press("k")
        await tui.sees("paused · 0 new · End")
        seen = tui.text()
        add(tui, *(log(40 + n / 100, "order", f"later {n}") for n in range(7)))
        await tui.sees("paused · 7 new · End")
        assert [row for row in tui.lines() if "line 2" in row] == [row for row in seen.split("\n") if "line 2" in row]
        await tui.press("end")
        await tui.sees("later 6", "following")


async def test_what_comes_is_shown_while_following(tmp_path: Path) -> None:
    async with driving(tmp_path, MANY) as tui:
        await tui.press("2")
        await tui.sees("line 299")
        add(tui, log(50, "order", "one more"))
        await tui.sees("one more")


async def test_scrolling_up_reads_on_into_the_record_without_a_gap(tmp_path: Path) -> None:
    frames = [*shop()[:3], *(log(n / 10, "order", f"line {n:04d}") for n in range(1500))]
    async with driving(tmp_path, frames) as tui:
        await tui.press("2")
        await tui.sees("line 1499")
        for _ in range(90):
            await tui.press("pageup")
        await tui.press("g")
        await tui.until(lambda: tui.active.lines.rows[0].text.endswith("line 0000"), "the first line is loaded")
        texts = [row.text[-4:] for row in tui.active.lines.rows]
        assert texts == sorted(texts)
        assert len(set(texts)) == len(texts)


async def test_a_filter_acts_on_the_whole_record(tmp_path: Path) -> None:
    frames = [
        *shop()[:3],
        log(0, "order", "needle in the hay"),
        *(log(1 + n / 10, "order", "hay") for n in range(2000)),
    ]
    async with driving(tmp_path, frames) as tui:
        await tui.press("2")
        await tui.sees("hay")
        await tui.press("slash", *"needle", "enter")
        await tui.sees("needle in the hay")
        await tui.until(lambda: len(tui.active.lines.rows) == 1)


async def test_logs_filter_by_level_field_and_expression(tmp_path: Path) -> None:
    async with driving(tmp_path) as tui:
        await tui.press("2")
        for typed, shown, hidden in (("level:error", "declined", "slow"), ("attempt=2", "slow", "declined"),
                                     ("re:card (was|net)", "slow", "GET")):  # fmt: skip
            await tui.press("slash", *typed, "enter")
            await tui.sees_not(hidden)
            await tui.sees(shown)
            await tui.press("escape")
            await tui.sees("GET")


async def test_wheel_events_of_a_frame_are_one_move_of_the_pane_below_the_mouse(tmp_path: Path) -> None:
    async with driving(tmp_path, MANY, (120, 40)) as tui:
        await tui.press("2")
        await tui.sees("line 299")
        await tui.press("tab")
        lines = tui.app.panes.views["logs"].lines
        top = lines.flow.last_top()
        for _ in range(5):
            lines.post_message(_wheel(lines, events.MouseScrollUp))
        await tui.until(lambda: lines.flow.top == (top[0] - 15, 0), "five notches up")
        assert not lines.has_focus


def _wheel(widget: object, kind: type[events.MouseEvent]) -> events.MouseEvent:
    return kind(widget, 1, 1, 0, 0, 0, shift=False, meta=False, ctrl=False)  # type: ignore[arg-type]


# Copying


async def _copied(tui: Driver, *pressed: str) -> str:
    await tui.press(*pressed)
    await tui.sees("Copied")
    return tui.app.clipboard


async def test_y_copies_the_line_and_Y_its_json(tmp_path: Path) -> None:  # noqa: N802  the key's own name
    async with driving(tmp_path) as tui:
        await tui.press("2")
        await tui.at("card network is slow")
        assert (await _copied(tui, "y")).endswith('"attempt": 2}')
        assert '"service": "payment"' in await _copied(tui, "escape", "Y")


async def test_ctrl_y_copies_what_is_visible_after_filters(tmp_path: Path) -> None:
    async with driving(tmp_path) as tui:
        await tui.press("2")
        await tui.press("slash", *"card", "enter")
        await tui.until(lambda: len(tui.active.lines.rows) == 2)
        text = await _copied(tui, "ctrl+y")
        assert len(text.splitlines()) == 2


async def test_the_copy_menu_offers_ids_and_the_command_that_does_the_same(tmp_path: Path) -> None:
    async with driving(tmp_path) as tui:
        await tui.press("2")
        await tui.at("card was declined")
        await tui.press("c")
        await tui.sees("trace id", TRACE, "devctl logs")
        await tui.press(*"trace id", "enter")
        await tui.sees("Copied")
        assert tui.app.clipboard == TRACE


async def test_a_drag_selects_text_of_its_pane_only_with_wrapped_lines_joined(tmp_path: Path) -> None:
    long = "word " * 30 + "end"
    frames = [*shop()[:3], log(1, "order", "first line"), log(2, "order", long), log(3, "order", "last line")]
    async with driving(tmp_path, frames, (120, 40)) as tui:
        await tui.press("2")
        await tui.sees("first line", "last line")
        lines = tui.app.panes.views["logs"].lines
        start = tui.lines()[2].index("first")
        offset = start - lines.region.x
        await tui.pilot.mouse_down(lines, offset=(offset, 0))
        await tui.pilot.hover(lines, offset=(offset + 4, 1))
        await tui.pilot.hover(lines, offset=(offset + 4, 4))
        await tui.pilot.mouse_up(lines, offset=(offset + 4, 4))
        await tui.sees("Copied")
        copied = tui.app.clipboard.split("\n")
        assert copied[0] == "first line"
        assert copied[1].endswith(long)
        assert copied[2].endswith("last")
        assert len(copied) == 3


async def test_what_the_clipboard_cannot_take_goes_into_a_file_whose_path_is_shown(tmp_path: Path) -> None:
    environ = {"TERM": "linux", "DEVCTL_REDUCED_MOTION": "1"}
    async with driving(tmp_path, environ=environ) as tui:
        await tui.press("y")
        await tui.sees("Copied 1 line to /")
        path = next(word for word in tui.lines()[-2].split() if word.startswith("/")).rstrip(".")
        assert "kafka" in Path(path).read_text()
        Path(path).unlink()


# Actions


async def test_restart_says_what_it_does_and_how_it_ended(tmp_path: Path) -> None:
    async with driving(tmp_path) as tui:
        await tui.at("cart")
        await tui.press("r")
        await tui.sees("Restarted cart in")
        assert tui.control.calls == [("restart", ("cart",))]


async def test_stop_and_start_share_a_key_that_looks_at_what_runs(tmp_path: Path) -> None:
    stopped = [service(name, "stopped" if name == "cart" else "healthy") for name in ("cart", "order")]
    frames = [shop()[0], {"at": 0, "item": {"status": status(*stopped)}}]
    async with driving(tmp_path, frames) as tui:
        await tui.at("cart")
        await tui.press("s")
        await tui.sees("Started cart")
        await tui.at("order")
        await tui.press("s")
        await tui.sees("Stopped order")
        assert tui.control.calls == [("start", ("cart",)), ("stop", ("order",))]


@pytest.mark.parametrize(("key", "question", "call"), [("s", "Stop", "stop"), ("x", "Kill", "kill")])
async def test_stopping_or_killing_more_than_one_is_asked_for(
    tmp_path: Path, key: str, question: str, call: str
) -> None:
    async with driving(tmp_path) as tui:
        await tui.at("cart")
        await tui.press("space", "space", key)
        await tui.sees(f"{question} cart and order?")
        await tui.press("escape")
        await tui.sees_not(f"{question} cart and order?")
        assert tui.control.calls == []
        await tui.press(key)
        await tui.sees(f"{question} cart and order?")
        await tui.press("j", "enter")
        await tui.until(lambda: tui.control.calls == [(call, ("cart", "order"))])


async def test_one_is_killed_without_asking_and_the_restart_policy_is_named(tmp_path: Path) -> None:
    async with driving(tmp_path) as tui:
        await tui.at("cart")
        await tui.press("x")
        await tui.sees("Sent SIGKILL to cart.1; the restart policy acts.")


async def test_an_error_is_a_notice_with_the_next_step(tmp_path: Path) -> None:
    async with driving(tmp_path) as tui:
        tui.control.fails = "the supervisor ended before it answered"
        await tui.at("cart")
        await tui.press("r")
        await tui.sees("the supervisor ended before it answered. Run `devctl why`.")


async def test_dependents_restart_only_after_asking(tmp_path: Path) -> None:
    async with driving(tmp_path) as tui:
        await tui.at("kafka")
        await tui.press("R")
        await tui.sees("Restart kafka with everything that depends on it?")
        await tui.press("y")
        await tui.until(lambda: tui.control.calls == [("restart+", ("kafka",))])


async def test_a_past_run_or_recording_refuses_changes_in_words(tmp_path: Path) -> None:
    from devctl.tui.stack import NoControl

    stack = fake_stack(tmp_path, link="past")
    stack.control = NoControl()
    async with driving(tmp_path, stack=stack) as tui:
        await tui.sees("past run, read only")
        await tui.at("cart")
        await tui.press("r")
        await tui.sees("this is a past run: it can be read, not changed")


async def test_a_shell_that_cannot_be_opened_here_says_so(tmp_path: Path) -> None:
    async with driving(tmp_path) as tui:
        tui.control.shells = Shell(("/bin/sh",), {}, "/")
        await tui.at("cart")
        await tui.press("e")
        await tui.sees("No shell could be opened here")


async def test_leaving_asks_only_when_the_stack_was_started_here(tmp_path: Path) -> None:
    async with driving(tmp_path) as tui:
        tui.app.began_stack = True
        await tui.press("q")
        await tui.sees("shop was started here. Leave it running?")
        await tui.press("j", "enter")
        await tui.until(lambda: tui.control.calls == [("down", ())])


# The stack under it


async def test_it_says_so_and_goes_on_when_the_supervisor_or_the_stack_goes(tmp_path: Path) -> None:
    async with driving(tmp_path) as tui:
        await tui.sees("8/8 healthy")
        for link, sentence in (
            ("lost", "supervisor does not answer"),
            ("live", "Connected again."),
            ("gone", "was taken down"),
        ):
            tui.app.attached.pulse._on_link(link)
            await tui.sees(sentence)
        await tui.press("2")
        await tui.sees("card was declined")


async def test_rows_keep_their_order_whatever_changes(tmp_path: Path) -> None:
    async with driving(tmp_path) as tui:
        await tui.sees("Last events")
        before = [row.key for row in tui.active.lines.rows]
        tui.stack.feed({"services": [service("order", "failed", reason="boom")]})  # type: ignore[typeddict-item]
        await tui.sees("boom")
        assert [row.key for row in tui.active.lines.rows] == before


async def test_a_changed_row_flashes_unless_motion_is_reduced(tmp_path: Path) -> None:
    async with driving(tmp_path, environ={"X": ""}) as tui:
        tui.stack.feed({"services": [service("order", "failed", reason="boom")]})  # type: ignore[typeddict-item]
        await tui.until(lambda: ("service", "order") in tui.active.lines.flashing, "it flashes")
        await tui.until(lambda: not tui.active.lines.flashing, "and ends")


async def test_themes_are_changed_and_remembered(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "tui.json")
    async with driving(tmp_path, memory=memory) as tui:
        await tui.press("ctrl+t")
        await tui.sees("Theme: light")
        await tui.press("3")
        await tui.sees("Traces")
    async with driving(tmp_path, memory=Memory(tmp_path / "tui.json")) as tui:
        assert tui.app.palette.name == "light"
        await tui.sees("Traces")
    assert (tmp_path / "tui.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("theme", ["dark", "light", "contrast", "terminal", "mono"])
async def test_every_theme_draws_all_that_there_is(tmp_path: Path, theme: str) -> None:
    async with driving(tmp_path, broken(), (200, 50), environ={"DEVCTL_THEME": theme}) as tui:
        await tui.sees("✗ failed", "Logs all services", "Traces all services", "why  payment")
        await tui.press("question_mark")
        await tui.sees("Keys", "Moving")


async def test_no_color_leaves_no_colour_on_the_screen(tmp_path: Path) -> None:
    async with driving(tmp_path, broken(), environ={"NO_COLOR": "1"}) as tui:
        await tui.sees("✗ failed")
        strips = tui.app.screen._compositor.render_strips()
        colours = {segment.style.color for strip in strips for segment in strip if segment.style}
        assert all(colour is None or colour.is_default for colour in colours)


def test_no_text_reaches_a_widget_that_reads_markup() -> None:
    folder = Path(__file__).parents[2] / "devctl" / "tui"
    banned = r"RichLog|DataTable|\bTree\(|Label\(|Static\(|\.notify\(|from_markup|\bLog\("
    matches = subprocess.run(["grep", "-rnE", banned, str(folder), "--include=*.py"], capture_output=True, text=True)
    assert matches.stdout == ""


# Keys that come in bursts, as over a slow line


async def burst(tui: Driver, *pressed: str) -> None:
    """Let keys come all at once, faster than anything is drawn."""
    for key in pressed:
        tui.app.post_message(events.Key(key, key if len(key) == 1 else None))
    await tui.pilot.pause()


async def test_keys_that_come_at_once_act_in_the_order_they_were_pressed(tmp_path: Path) -> None:
    async with driving(tmp_path) as tui:
        await tui.at("cart")
        await burst(tui, "S", "0", "backspace", "3", "enter")
        await tui.until(lambda: ("scale", ("cart=3",)) in tui.control.calls, "cart is scaled to what was typed last")


async def test_what_is_typed_right_after_a_filter_is_a_verb_again(tmp_path: Path) -> None:
    async with driving(tmp_path) as tui:
        await burst(tui, "slash", *"paz", "backspace", "y", "enter", "r")
        await tui.until(lambda: ("restart", ("payment",)) in tui.control.calls, "payment is restarted")
        assert tui.active.filter == "pay"


# Sizes


async def test_another_size_of_the_terminal_shows_the_panes_of_that_size_at_once(tmp_path: Path) -> None:
    async with driving(tmp_path) as tui:
        for size, shown in (((120, 40), 2), ((200, 50), 3), ((40, 12), 1), ((80, 24), 1), ((120, 40), 2)):
            await tui.pilot.resize_terminal(*size)
            await tui.until(lambda count=shown: len(tui.app.panes.shown()) == count, f"{shown} panes at {size}")
            assert len(tui.lines()[0]) <= size[0]
            assert ("too small" in tui.text()) == (size == (40, 12))


# Scaling and wire faults


async def test_scaling_asks_how_many_and_takes_no_nonsense(tmp_path: Path) -> None:
    async with driving(tmp_path) as tui:
        await tui.at("order")
        await tui.press("S", *"many", "enter")
        await tui.sees("a whole number from 1 to 20")
        await tui.press(*["backspace"] * 4, "2", "enter")
        await tui.sees("Scaled order in")
        assert tui.control.calls == [("scale", ("order=2",))]


async def test_a_fault_is_put_on_the_wire_for_a_while(tmp_path: Path) -> None:
    async with driving(tmp_path) as tui:
        await tui.at("order")
        await tui.press("i")
        await tui.sees("Fault on the wire of order", "latency 1 s")
        await tui.press("j", "enter")
        await tui.sees("For how long?")
        await tui.press("j", "enter")
        await tui.sees("On the wire: order_latency_1")
        assert tui.control.calls == [("fault", ("order", "latency", "30.0"))]


FAULT = {"name": "order_down_1", "kind": "down", "text": "down", "seconds_left": 12.0}


async def test_a_fault_on_the_wire_is_shown_with_its_service_and_can_be_taken_off_there(tmp_path: Path) -> None:
    others = [service(name) for name in ("kafka", "payment")]
    frames = [*shop(), {"at": 12, "item": {"status": status(*others, service("order", faults=[FAULT]))}}]
    async with driving(tmp_path, frames) as tui:
        await tui.sees("order ≈", "Faults on the wire", "order_down_1", "12.0 s left")
        await tui.at("order_down_1")
        await tui.press("enter")
        await tui.sees("Remove down")
        await tui.press("enter")
        await tui.until(lambda: ("no fault", ("order_down_1",)) in tui.control.calls, "it is removed")


async def test_a_start_shows_the_chain_that_it_waits_for(tmp_path: Path) -> None:
    began = instance("payment", started_at="2026-09-21T14:13:17.000000Z")
    payment = service("payment", "starting", instances=[began])
    order = service("order", "blocked", waits_for=["payment"], instances=[])
    frames = [*shop(), {"at": 12, "item": {"status": status(service("postgres"), payment, order, word="starting")}}]
    async with driving(tmp_path, frames) as tui:
        await tui.sees("Critical path until now", "postgres 800 ms → ◐ payment", "→ ◌ order waits")
        await tui.at("payment 15.0 s →")
        await tui.press("enter")
        await tui.sees("Why")


async def test_a_past_run_takes_no_fault_and_no_scaling(tmp_path: Path) -> None:
    stack = fake_stack(tmp_path)
    stack.control = NoControl()
    async with driving(tmp_path, stack=stack) as tui:
        await tui.at("order")
        await tui.press("S", "2", "enter")
        await tui.sees("this is a past run")


@pytest.mark.parametrize("view", "12345678")
async def test_enter_in_a_dialog_opens_nothing_of_the_view_below_it(tmp_path: Path, view: str) -> None:
    async with driving(tmp_path) as tui:
        await tui.press(view)
        await tui.until(lambda: not tui.active.is_loading)
        await tui.press("question_mark")
        await tui.sees("Keys", "Moving")
        await tui.press("j", "enter", "enter")
        await tui.pilot.pause()
        await tui.press("escape")
        await tui.sees_not("Moving")
        assert tui.app.panes.places.current.view == keys.VIEWS[int(view) - 1]
        assert not tui.app.panes.places.current.side
