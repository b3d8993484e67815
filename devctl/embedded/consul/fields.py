"""The fields that Consul 1.12 knows in what clients send, in any case of letters; it refuses a document with others."""

from __future__ import annotations

from typing import Any


def _folded(names: str) -> frozenset[str]:
    return frozenset(names.lower().split())


# With underscores it knows these alone (the aliases of its agent's structs).
_SNAKE = frozenset(
    {
        "tagged_addresses", "enable_tag_override", "deregister_critical_service_after", "docker_container_id",
        "script_args", "service_id", "tls_server_name", "tls_skip_verify",
    }
)  # fmt: skip
_PROBES = (
    "Name Status Notes ServiceID ScriptArgs Args HTTP H2PING H2PingUseTLS Header Method Body DisableRedirects TCP "
    "Interval AliasNode AliasService DockerContainerID Shell GRPC GRPCUseTLS TLSServerName TLSSkipVerify Timeout TTL "
    "SuccessBeforePassing FailuresBeforeWarning FailuresBeforeCritical DeregisterCriticalServiceAfter OutputMaxSize"
)
SERVICE = _folded(
    "Kind ID Name Tags Address TaggedAddresses Meta Port SocketPath Check Checks Weights Token EnableTagOverride Proxy "
    "Connect"
)
SERVICE_CHECK = _folded(f"{_PROBES} CheckID ProxyHTTP ProxyGRPC")
CHECK = _folded(f"{_PROBES} ID Token")
WEIGHTS = _folded("Passing Warning")
CATALOG = _folded("ID Node Address TaggedAddresses NodeMeta Service Check Checks Datacenter SkipNodeUpdate Token")
CATALOG_SERVICE = _folded(
    "Kind ID Service Tags Address TaggedAddresses Meta Port SocketPath Weights EnableTagOverride Proxy Connect "
    "CreateIndex ModifyIndex"
)
CATALOG_CHECK = _folded(
    "CheckID Node Name Status Notes Output ServiceID ServiceName ServiceTags Type Definition Interval Timeout "
    "ExposedPort CreateIndex ModifyIndex"
)
DEREGISTER = _folded("Node Address Datacenter Token ServiceID CheckID")


def unknown(value: dict[str, Any], fields: frozenset[str]) -> str:
    """Return the first name in an object that is not one of `fields`, empty when all are."""
    for name in value:
        lower = name.lower()
        is_field = lower.replace("_", "") in fields if lower in _SNAKE else lower in fields
        if not is_field:
            return name
    return ""
