"""The OTEL_* variables that point a service at the hub; what its own environment says has the last word."""

from __future__ import annotations

from collections.abc import Mapping

HTTP, GRPC = "http/protobuf", "grpc"
SIGNALS = ("traces", "metrics", "logs")
BATCH_MILLISECONDS = "500"  # an SDK of its own accord would keep spans and records back for 5 s and 1 s


def variables(theirs: Mapping[str, str], defaults: Mapping[str, str], http: str, grpc: str) -> dict[str, str]:
    """Return what to add to an environment for the hub at `http`, and at `grpc` for what speaks OTLP over gRPC.

    `theirs` is what the environment holds already, `defaults` are attributes of the resource; `service.name` is one.
    """
    attributes = {**defaults, **pairs(theirs.get("OTEL_RESOURCE_ATTRIBUTES", ""))}
    name = attributes.pop("service.name")
    return {
        **_endpoints(theirs, http, grpc),
        "OTEL_SERVICE_NAME": theirs.get("OTEL_SERVICE_NAME") or name,
        "OTEL_RESOURCE_ATTRIBUTES": ",".join(f"{key}={value}" for key, value in attributes.items()),
        "OTEL_BSP_SCHEDULE_DELAY": theirs.get("OTEL_BSP_SCHEDULE_DELAY", BATCH_MILLISECONDS),
        "OTEL_BLRP_SCHEDULE_DELAY": theirs.get("OTEL_BLRP_SCHEDULE_DELAY", BATCH_MILLISECONDS),
    }


def pairs(text: str) -> dict[str, str]:
    """Return the `key=value` pairs of OTEL_RESOURCE_ATTRIBUTES; what is none is passed over, as SDKs do."""
    split = (item.partition("=") for item in text.split(","))
    return {key.strip(): value.strip() for key, equals, value in split if equals and key.strip()}


def _endpoints(theirs: Mapping[str, str], http: str, grpc: str) -> dict[str, str]:
    """Return where to send to, and by which protocol, as a whole and for each signal that has a protocol of its own."""
    endpoint = theirs.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    protocol = theirs.get("OTEL_EXPORTER_OTLP_PROTOCOL") or (GRPC if grpc and endpoint.rstrip("/") == grpc else HTTP)
    endpoints = {
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint or _endpoint(protocol, http, grpc),
    }
    if endpoint:  # their own collector, of which nothing is known
        return endpoints
    for signal in SIGNALS:
        of_signal = theirs.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL", "")
        name = f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT"
        if of_signal and (of_signal == GRPC) != (protocol == GRPC) and name not in theirs:
            path = "" if of_signal == GRPC else f"/v1/{signal}"  # of a signal alone, the whole address is told
            endpoints[name] = _endpoint(of_signal, http, grpc) + path
    return endpoints


def _endpoint(protocol: str, http: str, grpc: str) -> str:
    return (grpc or http) if protocol == GRPC else http
