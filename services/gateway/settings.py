"""What the gateway reads from its environment beside the common settings."""

import ipaddress
from dataclasses import dataclass

from services.common.runtime.settings import Environment
from services.gateway.domain import Network

# Where the page of links finds what else runs in the stack: variable, name, what is there to see.
_LINKS = (
    ("JAEGER_URL", "Traces", "Jaeger: where the time of a request went"),
    ("GRAFANA_URL", "Boards", "the shop in figures"),
    ("PROMETHEUS_URL", "Metrics", "Prometheus: queries and alerts"),
    ("CONSUL_URL", "Services", "Consul: who is there and healthy"),
)


@dataclass(frozen=True, slots=True)
class Link:
    """One entry of the page of links."""

    url: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """Limits, trusted proxies and links."""

    per_address: float
    per_user: float
    trusted_proxies: tuple[Network, ...]
    timeout_seconds: float
    links: tuple[Link, ...]

    @classmethod
    def read(cls, environment: Environment) -> "GatewaySettings":
        """Read the settings."""
        links = ((environment.text(variable), name, text) for variable, name, text in _LINKS)
        return cls(
            per_address=environment.number("RATE_LIMIT_PER_ADDRESS", 300),
            per_user=environment.number("RATE_LIMIT_PER_USER", 50),
            trusted_proxies=_networks(environment),
            timeout_seconds=environment.number("UPSTREAM_TIMEOUT_SECONDS", 4.5),
            links=tuple(Link(_as_url(url), name, text) for url, name, text in links if url),
        )


def _networks(environment: Environment) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(name, strict=False) for name in environment.names("TRUSTED_PROXIES"))
    except ValueError as error:
        raise SystemExit(f"TRUSTED_PROXIES: {error}; give addresses or networks, with commas between") from None


def _as_url(text: str) -> str:
    return text if text.startswith(("http://", "https://")) else f"http://{text}"
