"""Wires the gateway."""

from starlette.types import ASGIApp

from services.common.service import Runtime, Service
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
    app.include_router(router(splits, runtime.discovery))
    add_pages(app, settings.links, contracts)
    proxy = Proxy(
        gateway_app=app,
        forwarding=_forwarding(runtime, splits),
        limits=_limits(runtime, settings),
        log=runtime.log,
        tokens=runtime.tokens,
        templates=Templates(templates(contracts)),
        trusted=settings.trusted_proxies,
        seconds=settings.timeout_seconds,
    )
    runtime.find_route = proxy.find_route
    return proxy


def _forwarding(runtime: Runtime, splits: FileSplits) -> Forwarding:
    upstream = HttpUpstream(runtime.transport, runtime.telemetry.tracer)
    retries = runtime.metrics.counter(
        "shop_gateway_retries", "Calls that were sent again", ["upstream"], zeros=[(name,) for name in SERVICES]
    )
    served = runtime.metrics.counter(
        "shop_gateway_served",
        "Answers of services, by the version that gave them",
        ["upstream", "version", "http_response_status_code"],
    )
    instances = runtime.metrics.gauge("shop_gateway_instances", "Healthy instances that are known", ["upstream"])
    for name in SERVICES:
        runtime.peers.breaker(name)  # so that its state is a metric from the start
        instances.labels(name).set_function(lambda name=name: float(runtime.discovery.healthy(name)))  # type: ignore[misc]
    return Forwarding(
        upstream,
        runtime.discovery,
        splits,
        breaker=runtime.peers.breaker,
        on_retry=lambda service: retries.labels(service).inc(),
        on_reply=lambda service, version, status: served.labels(service, version, str(status)).inc(),
    )


def _limits(runtime: Runtime, settings: GatewaySettings) -> Limits:
    refused = runtime.metrics.counter(
        "shop_gateway_rate_limited", "Calls refused as too many", ["scope"], zeros=[("address",), ("user",)]
    )
    return Limits(
        RateLimit(settings.per_address).wait_seconds,
        RateLimit(settings.per_user).wait_seconds,
        on_limited=lambda scope: refused.labels(scope).inc(),
    )


SERVICE = Service("gateway", build, calls=SERVICES, is_front=True)
