"""Compare our books with the provider's: `python -m services.payment.reconcile`. Changes nothing.

Prints one line per difference; exits with 1 if there is any.
"""

import asyncio
import sys

from services.common import logs
from services.common.clock import utc_now
from services.common.runtime import Runtime
from services.common.settings import Settings
from services.payment import handlers
from services.payment.adapters import SqlPayments
from services.payment.app import SERVICE, provider
from services.payment.settings import PaymentSettings


async def reconcile() -> int:
    """Print the differences and return the exit code."""
    runtime = Runtime(SERVICE, Settings.read(SERVICE.name))
    settings = PaymentSettings.read(runtime.environment)
    store = SqlPayments(runtime.database, runtime.outbox, utc_now, lambda _: None)
    try:
        differences = await handlers.reconcile(store=store, provider=provider(runtime, settings))
        for difference in differences:
            sys.stdout.write(f"{difference.order_id}: {difference.what}\n")
        sys.stderr.write(f"{len(await store.all_charges())} charges compared, {len(differences)} differences\n")
    finally:
        await runtime.database.close()
    return 1 if differences else 0


if __name__ == "__main__":
    logs.configure("error")
    sys.exit(asyncio.run(reconcile()))
