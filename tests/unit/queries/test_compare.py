"""Two runs compared: what differs, and what does not count as a difference."""

from devctl.queries.compare import Difference, Figures, Thresholds, differences


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
