from pathlib import Path

from devctl.queries.traffic import Traffic
from tests.unit.queries.spans import SECOND, record, span

SERVER, CONSUMER = 2, 5


def test_the_load_of_a_service_is_what_it_took_in_within_the_window(tmp_path: Path) -> None:
    requests = [span("GET", n, n, n + 0.1 * n, kind=SERVER, error=n == 9) for n in range(1, 11)]
    work = [span("work", 50, 5, 6), span("call", 51, 5, 6, kind=3)]
    reader = record(tmp_path, order=[*requests, *work], mail=[span("take", 1, 9, 9.5, kind=CONSUMER, trace=2)])
    loads = Traffic(reader, window_seconds=5).loads(int(1010 * SECOND))
    assert loads.keys() == {"order", "mail"}
    assert loads["order"].rate == 6 / 5  # from second 5 to second 10
    assert loads["order"].errors == 1
    assert loads["order"].error_share == 1 / 6
    assert loads["order"].p95_ms == 1000.0
    assert loads["mail"].rate == 1 / 5


def test_a_service_that_takes_in_nothing_any_more_has_no_load(tmp_path: Path) -> None:
    reader = record(tmp_path, order=[span("GET", 1, 1, 2, kind=SERVER)])
    traffic = Traffic(reader, window_seconds=60)
    assert traffic.loads(int(1010 * SECOND))["order"].rate == 1 / 60
    assert traffic.loads(int(1100 * SECOND)) == {}
