"""Wire faults as data."""

from devctl.core.faults import Fault, FaultKind, Stream, from_json, next_name


def test_a_fault_survives_json() -> None:
    fault = Fault("order_latency_1", "order", FaultKind.LATENCY, 200, 50, toxicity=0.3, stream=Stream.UPSTREAM, seed=1)
    assert from_json(fault.to_json()) == fault


def test_the_first_free_name_is_taken() -> None:
    assert next_name("order", FaultKind.LATENCY, []) == "order_latency_1"
    assert next_name("order", FaultKind.LATENCY, ["order_latency_1", "order_latency_3"]) == "order_latency_2"


def test_a_fault_says_what_it_does() -> None:
    fault = Fault("n", "order", FaultKind.LATENCY, 200, 50, toxicity=0.3)
    assert fault.text == "latency 200 ms ± 50 ms downstream, 30% of connections"
