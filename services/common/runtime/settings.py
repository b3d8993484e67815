"""What every service reads from its environment, in one frozen object. It never reads a file."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from services import FRONT, PORTS

_TRUE = frozenset({"on", "true", "1", "yes"})
_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True, slots=True)
class Environment:
    """Read typed values from environment variables; an empty one counts as unset."""

    values: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def text(self, name: str, default: str = "") -> str:
        """Return the variable, or the default."""
        return self.values.get(name, "").strip() or default

    def whole(self, name: str, default: int) -> int:
        """Return the variable as a whole number."""
        return self._parsed(name, default, int)

    def number(self, name: str, default: float) -> float:
        """Return the variable as a number."""
        return self._parsed(name, default, float)

    def switch(self, name: str, *, default: bool = False) -> bool:
        """Return whether the variable says on, true, 1 or yes."""
        text = self.text(name)
        return text.lower() in _TRUE if text else default

    def names(self, name: str) -> tuple[str, ...]:
        """Return the comma-separated words of the variable."""
        return tuple(word.strip() for word in self.text(name).split(",") if word.strip())

    def _parsed(self, name: str, default: _Number, parse: type[_Number]) -> _Number:
        text = self.text(name)
        try:
            return parse(text) if text else default
        except ValueError:
            raise SystemExit(f"{name}={text!r} is not a number: correct it or unset it") from None


@dataclass(frozen=True, slots=True)
class Settings:
    """The surroundings of one service."""

    service: str
    version: str
    host: str
    port: int
    advertised_host: str
    data_dir: Path
    secrets_dir: Path
    database_url: str
    kafka: str
    consul: str
    urls: Mapping[str, str]
    otlp_endpoint: str
    trace_ratio: float
    faults_allowed: bool
    request_timeout_seconds: float
    drain_seconds: float
    log_level: str
    environment: Environment

    @classmethod
    def read(cls, service: str, environment: Environment | None = None) -> "Settings":
        """Read the settings of a service."""
        env = environment or Environment()
        host = env.text("HOST", "127.0.0.1")
        data_dir = Path(env.text("DATA_DIR", _default_data_dir(service))).absolute()
        return cls(
            service=service,
            version=env.text("SERVICE_VERSION", "1"),
            host=host,
            port=env.whole("PORT", PORTS.get(service, 0)),
            advertised_host=env.text("ADVERTISED_HOST", "127.0.0.1" if host == "0.0.0.0" else host),  # noqa: S104
            data_dir=data_dir,
            secrets_dir=Path(env.text("SHOP_SECRETS", str(data_dir.parent / "secrets"))).absolute(),
            database_url=env.text("DATABASE_URL"),
            kafka=env.text("KAFKA_BOOTSTRAP_SERVERS"),
            consul=env.text("CONSUL_HTTP_ADDR"),
            urls=_service_urls(env),
            otlp_endpoint=_otlp_endpoint(env),
            trace_ratio=_trace_ratio(env),
            faults_allowed=env.switch("FAULTS"),
            request_timeout_seconds=env.number("REQUEST_TIMEOUT_SECONDS", 4.8 if service == FRONT else 4.0),
            drain_seconds=env.number("DRAIN_SECONDS", 0.2),
            log_level=env.text("LOG_LEVEL", "info").lower(),
            environment=env,
        )


def _default_data_dir(service: str) -> str:
    """Return the volume of this service in a stack that runs from this folder, else a folder of its own.

    So a command that runs beside a stack finds its data.
    """
    volume = Path(".devctl/volumes") / service
    return str(volume) if volume.is_dir() else f".data/{service}"


def _service_urls(env: Environment) -> dict[str, str]:
    """Collect every NAME_SERVICE_URL that is set."""
    named = ((name, f"{name.upper()}_SERVICE_URL") for name in PORTS)
    return {name: env.text(variable).rstrip("/") for name, variable in named if env.text(variable)}


def _otlp_endpoint(env: Environment) -> str:
    """Return the URL that takes spans, or nothing when the SDK is switched off or unaddressed."""
    if env.switch("OTEL_SDK_DISABLED") or env.text("OTEL_TRACES_EXPORTER", "otlp") == "none":
        return ""
    base = env.text("OTEL_EXPORTER_OTLP_ENDPOINT").rstrip("/")
    return env.text("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or (base and f"{base}/v1/traces")


def _trace_ratio(env: Environment) -> float:
    sampler = env.text("OTEL_TRACES_SAMPLER", "parentbased_always_on")
    if sampler.endswith("always_off"):
        return 0.0
    return env.number("OTEL_TRACES_SAMPLER_ARG", 1.0) if sampler.endswith("traceidratio") else 1.0
