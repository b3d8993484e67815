"""Wires the gateway."""

from starlette.types import ASGIApp

from services.common.runtime import Runtime, Service
from services.gateway.adapters import FileSplits, HttpUpstream, documents
from services.gateway.api import add_pages, router
from services.gateway.documents import templates
from services.gateway.domain import SERVICES, RateLimit, Templates
from services.gateway.handlers import Forwarding, Limits
from services.gateway.proxy import Proxy
from services.gateway.settings import GatewaySettings


def build(runtime: Runtime) -> ASGIApp:
    """Build the application: the proxy, with the gateway's own routes behind it."""
    settings = GatewaySettings.read(runtime.environment)
    splits = FileSplits(runtime.settings.data_dir / "splits.json")
    contracts = documents()
    app = runtime.application("Shop", "All routes of the shop that can be reached from outside.")
    app.include_router(router(splits))
    add_pages(app, settings.links, contracts)
    return Proxy(
        own=app,
        forwarding=_forwarding(runtime, splits),
        limits=_limits(runtime, settings),
        tokens=runtime.tokens,
        templates=Templates(templates(contracts)),
        trusted=settings.trusted_proxies,
        seconds=settings.timeout_seconds,
    )


def _forwarding(runtime: Runtime, splits: FileSplits) -> Forwarding:
    upstream = HttpUpstream(runtime.transport, runtime.telemetry.tracer)
    retries = runtime.metrics.counter("shop_gateway_retries", "Calls that were sent again", ["upstream"])
    forwarding = Forwarding(upstream, runtime.discovery, splits, on_retry=lambda service: retries.labels(service).inc())
    states = runtime.metrics.gauge("shop_breaker_state", "Circuit breaker: 0 closed, 1 half open, 2 open", ["upstream"])
    instances = runtime.metrics.gauge("shop_gateway_instances", "Healthy instances that are known", ["upstream"])
    for name in SERVICES:
        breaker = forwarding.breaker(name)
        states.labels(name).set_function(lambda breaker=breaker: float(breaker.state))  # type: ignore[misc]
        instances.labels(name).set_function(
            lambda name=name: float(len(runtime.discovery.instances(name)))  # type: ignore[misc]
        )
    return forwarding


def _limits(runtime: Runtime, settings: GatewaySettings) -> Limits:
    refused = runtime.metrics.counter("shop_gateway_rate_limited", "Calls refused as too many", ["scope"])
    return Limits(
        RateLimit(settings.per_address).wait_seconds,
        RateLimit(settings.per_user).wait_seconds,
        on_limited=lambda scope: refused.labels(scope).inc(),
    )


SERVICE = Service("gateway", build, calls=SERVICES, is_front=True)
