"""Every screen, as a person meets it: keys in, what stands on the screen out."""

from pathlib import Path

import pytest

from devctl.queries.prometheus import Alert
from tests.tui.driving import driving
from tests.tui.fakes import ORDER, TRACE, broken, fake_stack, instance, line, log, service, shop, status


async def test_the_overview_shows_every_service_by_shape_and_word_with_its_traffic(tmp_path: Path) -> None:
    async with driving(tmp_path, broken(), (120, 40)) as tui:
        await tui.sees("shop ▲ 6/8 healthy", "✗ failed", "◌ blocked", "waits for payment", "● healthy", "50.0%")


async def test_one_line_above_all_says_how_the_stack_is(tmp_path: Path) -> None:
    stack = fake_stack(tmp_path)
    stack.metrics.firing += [Alert("HighLatency", "firing", "warning", "slow", {"service": "order"}, "")]  # type: ignore[attr-defined]
    async with driving(tmp_path, stack=stack) as tui:
        await tui.sees("shop ● 8/8 healthy", "▲1 alert", "req/s", "% err", "HighLatency")


async def test_new_error_lines_and_long_silence_are_marked_at_the_service(tmp_path: Path) -> None:
    async with driving(tmp_path) as tui:
        await tui.until(lambda: "loads" in tui.app.attached.pulse._answers, "the first look at the logs")
        for frame in (log(11, "cart", line("error", "no more room")), log(11.1, "catalog", line("info", "fine"))):
            tui.stack._frames.append(frame)
        tui.stack.play()
        await tui.sees("cart ◆1")
        tui.stack._now_ns += 120 * 1_000_000_000
        tui.stack.feed({"status": status()})  # type: ignore[typeddict-item]
        await tui.sees("catalog ◇")


async def test_details_follow_the_cursor_and_hide_what_is_secret(tmp_path: Path) -> None:
    async with driving(tmp_path, size=(120, 40)) as tui:
        await tui.at("gateway")
        await tui.sees("Details gateway", "Needs", "● consul", "pid 4203", "http /health → 200", "CARD_SECRET=********")
        await tui.at("postgres")
        await tui.sees("Details postgres", "Needed by", "● payment")


async def test_what_blocks_what_is_shown_in_the_details(tmp_path: Path) -> None:
    async with driving(tmp_path, broken(), (120, 40)) as tui:
        await tui.at("order  ")
        await tui.sees("Details order", "✗ payment  blocks this service")


async def test_the_first_sentence_of_why_is_always_above_the_keys_when_something_is_wrong(tmp_path: Path) -> None:
    async with driving(tmp_path, broken()) as tui:
        await tui.until(lambda: tui.lines()[-2].startswith(" why  payment: exited with 1"), "the line above the keys")
        await tui.press("2")
        await tui.until(lambda: tui.lines()[-2].startswith(" why  payment: exited with 1"), "also in another view")


async def test_the_why_pane_shows_the_chain_with_evidence_and_the_next_step(tmp_path: Path) -> None:
    async with driving(tmp_path, broken()) as tui:
        await tui.at("payment")
        await tui.press("w")
        await tui.sees("✗ payment is failed", "exit code 1", "KeyError: 'CARD_KEY'", "→ Look at `devctl logs payment`.")
        await tui.press("w")
        await tui.sees("Services")


async def test_logs_of_all_services_stand_in_one_stream_by_time(tmp_path: Path) -> None:
    async with driving(tmp_path) as tui:
        await tui.press("2")
        await tui.sees("Logs all services", "card network is slow", "error card was declined", "following")
        times = [row[:13] for row in tui.lines()[2:20] if row[:4].strip()]
        assert times == sorted(times)


async def test_logs_of_the_marked_services_only(tmp_path: Path) -> None:
    async with driving(tmp_path) as tui:
        await tui.at("order  ")
        await tui.press("space", "space", "l")
        await tui.sees("Logs order, payment", "card was declined")
        assert "gateway" not in tui.text()


async def test_a_line_leads_to_its_trace_and_the_trace_to_its_logs(tmp_path: Path) -> None:
    async with driving(tmp_path, size=(120, 40)) as tui:
        await tui.press("2")
        await tui.at("card was declined")
        await tui.press("t")
        await tui.sees(f"Trace {TRACE[:8]}", "payment POST", "place order", "1 error")
        await tui.press("l")
        await tui.sees(f"trace {TRACE[:8]}", "order placed")


async def test_a_line_is_shown_whole_as_json(tmp_path: Path) -> None:
    async with driving(tmp_path) as tui:
        await tui.press("2")
        await tui.at("card network")
        await tui.press("v")
        await tui.sees('"level": "warning"', '"attempt": 2')
        await tui.press("escape")
        await tui.sees_not('"level": "warning"')


async def test_similar_lines_fold_into_one_with_their_count(tmp_path: Path) -> None:
    async with driving(tmp_path) as tui:
        await tui.press("2")
        await tui.sees("GET /items/39 200")
        await tui.press("F")
        await tui.sees("folded", "8× ")
        assert tui.text().count("GET /items/") == 5  # one for each service


async def test_a_jump_to_a_time_shows_the_lines_of_then(tmp_path: Path) -> None:
    frames = [*shop()[:2], *(log(n, "order", f"tick {n}") for n in range(0, 600))]
    async with driving(tmp_path, frames) as tui:
        await tui.press("2")
        await tui.sees("tick 599")
        await tui.press("@", *"5m", "enter")
        await tui.sees("tick 299", "paused")
        assert "tick 599" not in tui.text()


async def test_traces_are_listed_and_open_as_a_waterfall_with_lines_and_attributes(tmp_path: Path) -> None:
    async with driving(tmp_path) as tui:
        await tui.press("3")
        await tui.sees("gateway POST /orders", "✗ 1 error", "3 spans")
        await tui.at("1 error")
        await tui.press("enter")
        await tui.sees("▾   gateway", "POST /payments", "━", "≡")
        await tui.at("POST /payments")
        await tui.press("d")
        await tui.sees("shop.order.id =", ORDER, "card was declined")


async def test_a_span_collapses_and_opens_again(tmp_path: Path) -> None:
    async with driving(tmp_path, size=(120, 40)) as tui:
        await tui.press("3")
        await tui.at("1 error")
        await tui.press("enter")
        await tui.at("place order")
        await tui.press("enter")
        await tui.sees("▸ ● order")
        assert "payment POST" not in "".join(row.text for row in tui.app.panes.views["trace"].lines.rows)
        await tui.press("enter")
        await tui.sees("▾ ● order")


async def test_traces_take_the_filters_of_the_command(tmp_path: Path) -> None:
    async with driving(tmp_path) as tui:
        await tui.press("3")
        await tui.sees("✗ 1 error")
        await tui.press("slash", *"error", "enter")
        await tui.until(lambda: len(tui.active.lines.rows) == 1, "only the one that failed")
        await tui.press("slash", *[*"x"], "escape")
        await tui.until(lambda: len(tui.active.lines.rows) == 2, "both again")


async def test_the_journey_of_an_order_runs_over_calls_and_logs(tmp_path: Path) -> None:
    async with driving(tmp_path) as tui:
        await tui.press("4")
        await tui.sees(ORDER)
        await tui.press("enter")
        await tui.sees("order placed", "POST /orders", "card was declined")
        await tui.press("escape")
        await tui.sees("mentioned lately")


async def test_a_line_that_names_an_order_leads_to_its_journey(tmp_path: Path) -> None:
    async with driving(tmp_path) as tui:
        await tui.press("2")
        await tui.at("order placed")
        await tui.press("J")
        await tui.sees(f"Journey {ORDER}", "POST /orders")


async def test_the_map_shows_who_calls_whom_and_leads_to_what_failed(tmp_path: Path) -> None:
    async with driving(tmp_path) as tui:
        await tui.press("5")
        await tui.sees("→ order", "→ payment", "50.0%")
        await tui.at("→ payment")
        await tui.press("right", "enter")
        await tui.sees("Traces payment", "with errors")


async def test_boards_are_drawn_with_range_and_variables(tmp_path: Path) -> None:
    async with driving(tmp_path) as tui:
        await tui.press("6")
        await tui.sees("Metrics Shop overview  last 15m", "Requests", "▁", "25.0%", "█")
        await tui.press("T")
        await tui.sees("Time range")
        await tui.press("j", "j", "j", "enter")
        await tui.sees("last 1h")
        await tui.press("b")
        await tui.sees("Boards", "variable service")
        await tui.press(*"variable", "enter")
        await tui.sees("Value of service")
        await tui.press(*"order", "enter")
        await tui.sees("service=order")
        await tui.until(lambda: tui.stack.metrics.windows[-1][1] == {"service": "order"}, "asked with the variable")  # type: ignore[attr-defined]


async def test_topics_lag_and_messages_can_be_looked_into(tmp_path: Path) -> None:
    async with driving(tmp_path) as tui:
        await tui.press("7")
        await tui.sees("shop.order.v1", "payment 3 behind", "notification ✓", "1 dead letter")
        await tui.press("enter")
        await tui.sees("order.placed", "0@7")
        await tui.press("escape")
        await tui.sees("topic · messages · behind")


async def test_dead_letters_are_sent_again_only_after_asking(tmp_path: Path) -> None:
    async with driving(tmp_path) as tui:
        await tui.press("7")
        await tui.at("1 dead letter")
        await tui.press("enter")
        await tui.sees("no such card")
        await tui.press("p")
        await tui.sees("Send 1 dead letter to where they came from?")
        await tui.press("enter")  # the cursor is on No
        await tui.sees_not("Send 1 dead letter")
        assert tui.stack.broker.sent == []  # type: ignore[attr-defined]
        await tui.press("p")
        await tui.sees("Send 1 dead letter")
        await tui.press("y")
        await tui.sees("Sent 1 dead letter again.")


async def test_runs_are_listed(tmp_path: Path) -> None:
    async with driving(tmp_path) as tui:
        await tui.press("8")
        await tui.sees("Runs", tui.stack.run_id, "shown now")


@pytest.mark.parametrize("view", "12345678")
async def test_every_view_says_so_when_it_has_nothing_to_show(tmp_path: Path, view: str) -> None:
    head = dict(shop()[0])
    frames = [head, {"at": 0, "item": {"status": {**status(), "services": []}}}]
    stack = fake_stack(tmp_path, frames)
    async with driving(tmp_path, stack=stack) as tui:
        await tui.press(view)
        await tui.until(
            lambda: (not tui.active.is_loading and tui.active.lines.empty[0][0].strip()) or tui.active.lines.rows
        )


def test_a_service_that_was_replaced_keeps_no_figures_of_its_old_process() -> None:
    from devctl.tui.model import Model

    model = Model()
    model.apply({"status": status(service("order"))})  # type: ignore[typeddict-item]
    model.apply({"services": [service("order", instances=[instance("order", pid=9, memory_bytes=0, cpu_percent=0.0)])]})  # type: ignore[typeddict-item]
    assert model.services["order"]["instances"][0]["memory_bytes"] == 0


async def test_nothing_that_runs_is_not_called_healthy(tmp_path: Path) -> None:
    frames = [shop()[0], {"at": 0, "item": {"status": {**status(word="stopped"), "services": []}}}]
    async with driving(tmp_path, frames) as tui:
        await tui.press("w")
        await tui.sees("nothing runs here: `devctl up` starts it")
        assert "everything is healthy" not in tui.text()


async def test_what_a_line_says_twice_is_shown_once(tmp_path: Path) -> None:
    text = line("info", "GET / 200", time="2026-11-30T13:30:14Z", service="order", span_id="00000000000000b1", took=3)
    async with driving(tmp_path, [*shop()[:3], log(1, "order", text)]) as tui:
        await tui.press("2")
        await tui.sees("GET / 200  took=3")
        assert "span_id" not in tui.text()
        await tui.press("v")
        await tui.sees('"span_id": "00000000000000b1"')


async def test_columns_that_hold_nothing_leave_their_room_to_what_is_said_of_a_service(tmp_path: Path) -> None:
    reason = "crash loop: ended 5 times within 60 s"
    views = [service("order", "failed", reason=reason, instances=[]), service("cart")]
    async with driving(tmp_path, [shop()[0], {"at": 0, "item": {"status": status(*views, word="unhealthy")}}]) as tui:
        await tui.sees(reason)
        assert "req/s" not in tui.lines()[2]


@pytest.mark.parametrize(("room", "ending"), [(200, "8 runs  "), (80, "1 overview ")])
def test_where_all_views_do_not_fit_the_one_that_is_shown_is_named(room: int, ending: str) -> None:
    from devctl.tui.cells import columns, plain
    from devctl.tui.model import Model
    from devctl.tui.summary import header

    model = Model(link="live")
    model.apply({"status": status()})  # type: ignore[typeddict-item]
    left, right = header(model, "overview", room)
    assert plain(right).endswith(ending)
    assert columns((*left, *right)) < room
