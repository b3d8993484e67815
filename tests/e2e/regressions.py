"""Faults put into a copy of the shop, one at a time, that its smoke suite must catch. Plain data."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Regression:
    """One change of a file, and the services of which one must be named first."""

    name: str
    file: str
    old: str
    new: str
    blamed: tuple[str, ...]


REGRESSIONS = (
    Regression(
        "trace context lost through Kafka",
        "services/common/events/consumer.py",
        "origin = telemetry.remote(event.traceparent, event.tracestate)",
        'origin = telemetry.remote("", "")',
        ("payment", "order", "notification"),
    ),
    Regression(
        "a 500 for one request in a hundred",
        "services/catalog/api.py",
        '        """Show a product."""\n',
        '        """Show a product."""\n'
        '        if not __import__("random").randrange(100):\n            raise RuntimeError("lost")\n',
        ("catalog",),
    ),
    Regression(
        "one call for each product",
        "services/order/handlers.py",
        "    if not await catalog.check(items):\n",
        "    for item in items:\n        await catalog.check((item,))\n    if not await catalog.check(items):\n",
        ("catalog", "order"),
    ),
    Regression(
        "a secret in a log line",
        "services/user/handlers.py",
        '        """Open a session; a wrong address and a wrong password look the same."""\n',
        '        """Open a session; a wrong address and a wrong password look the same."""\n'
        '        print(f"log in {email} with {password}", flush=True)\n',
        ("user",),
    ),
    Regression(
        "stock is not given back",
        "services/order/handlers.py",
        "            await catalog.release(order.id)\n",
        "",
        ("order", "catalog"),
    ),
    Regression(
        "charged twice",
        "services/payment/handlers.py",
        "    return await provider.capture(charge.id)",
        "    from dataclasses import replace\n"
        "    twin = replace(charge, id=charge.id[:-1] + ('0' if charge.id[-1] != '0' else '1'))\n"
        "    await provider.authorise(twin)\n"
        "    await provider.capture(twin.id)\n"
        "    return await provider.capture(charge.id)",
        ("payment",),
    ),
    Regression(
        "a metric is missing",
        "services/order/observe.py",
        'metrics.counter("shop_orders"',
        'metrics.counter("shop_orders_placed"',
        ("order",),
    ),
    Regression(
        "a slow route",
        "services/catalog/api.py",
        '        """Show a product."""\n',
        '        """Show a product."""\n        await __import__("asyncio").sleep(1)\n',
        ("catalog",),
    ),
    Regression(
        "a wrong status",
        "services/order/api.py",
        '@router.post("/orders", status_code=201',
        '@router.post("/orders", status_code=200',
        ("order", "gateway"),
    ),
    Regression(
        "a dead consumer",
        "services/notification/app.py",
        '    runtime.subscribe(consumers.TOPICS, "notification", handlers)\n',
        "    assert handlers\n",
        ("notification",),
    ),
)
