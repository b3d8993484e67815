"""Two runs compared: what differs, and what does not count as a difference."""

import json
from pathlib import Path

from devctl.queries import start_path
from devctl.queries.compare import Difference, Figures, Thresholds, differences, figures_of
from devctl.queries.start_path import Startup
from devctl.record.store import Run


def figures(*, requests: int = 10, each: int = 1, ms: float = 20.0) -> Figures:
    made = Figures()
    made.requests["order POST /orders"] = [ms] * requests
    made.below["order POST /orders", "catalog GET /products"] = requests * each
    made.edges = {"order -> catalog"}
    return made


def kinds(before: Figures, after: Figures) -> list[str]:
    return [entry.kind for entry in differences(before, after)]


def test_equal_runs_do_not_differ() -> None:
    assert kinds(figures(), figures(requests=50)) == []


def test_one_call_for_each_item_shows_as_more_calls_for_each_request() -> None:
    (entry,) = differences(figures(), figures(each=12))
    assert entry == Difference("calls", "order POST /orders: catalog GET /products", "1 each", "12 each", 12.0)


def test_a_call_that_is_made_anew_with_each_request_differs() -> None:
    after = figures()
    after.below["order POST /orders", "order SELECT orders"] = 10
    assert kinds(figures(), after) == ["calls"]


def test_a_slower_route_differs_by_each_quantile_and_a_faster_one_not() -> None:
    assert kinds(figures(ms=20), figures(ms=200)) == ["latency", "latency"]
    assert kinds(figures(ms=200), figures(ms=20)) == []


def test_small_times_and_few_requests_are_not_compared() -> None:
    assert kinds(figures(ms=1), figures(ms=5)) == []
    assert kinds(figures(ms=20), figures(ms=900, requests=2)) == []


def test_an_edge_that_is_gone_and_an_operation_that_never_failed_before_differ() -> None:
    after = figures()
    after.edges = set()
    after.errors = {"payment process"}
    assert kinds(figures(), after) == ["edge", "error"]


def test_a_kind_of_log_line_that_was_never_written_differs() -> None:
    after = figures()
    after.lines = {"order error: <n> failed": 3}
    (entry,) = differences(figures(), after, Thresholds())
    assert entry.after == "written 3 times"


def test_figures_that_went_through_json_differ_in_nothing() -> None:
    before = figures(requests=40, each=3)
    before.startup = Startup({"order": 2.0}, ["order"])
    again = figures_of(json.loads(json.dumps(before.as_json())))
    assert list(differences(before, again)) == list(differences(again, before)) == []


def test_a_start_that_took_much_longer_differs_with_its_path() -> None:
    before, after = figures(), figures()
    before.startup = Startup({"kafka": 2.0, "order": 1.0}, ["kafka", "order"])
    after.startup = Startup({"kafka": 2.0, "order": 5.0}, ["kafka", "order"])
    path, order = differences(before, after)
    assert (path.subject, path.before, path.after) == (
        "start-up path", "kafka 2.00 s → order 1.00 s", "kafka 2.00 s → order 5.00 s",
    )  # fmt: skip
    assert (order.subject, order.ratio) == ("order starts", 5.0)


def test_the_path_of_a_start_is_read_from_the_events_of_a_run(tmp_path: Path) -> None:
    moments = [("kafka", 0, 4), ("consul", 0, 1), ("order", 4, 6), ("cart", 4, 5)]
    events = [
        {"type": kind, "service": name, "monotonic": at}
        for name, began, ready in moments
        for kind, at in (("instance_starting", began), ("instance_ready", ready), ("instance_ready", ready + 9))
    ]
    (tmp_path / "events.jsonl").write_text("\n".join(map(json.dumps, events)))
    needs = {"order": ["consul", "kafka"], "cart": ["kafka"], "kafka": [], "consul": []}
    services = {name: {"depends_on": [{"service": other} for other in others]} for name, others in needs.items()}
    (tmp_path / "spec.json").write_text(json.dumps({"services": services}))
    startup = start_path.startup(Run(tmp_path))
    assert (startup.path, startup.total) == (["kafka", "order"], 6)
