"""Compare our books with the provider's: `python -m services.payment.reconcile`. Changes nothing.

Beside a running shop: `devctl exec payment -- .venv/bin/python -m services.payment.reconcile`. Prints one line per
difference; exits with 0 if there is none, 1 if there is any, 3 if books or provider cannot be read.
"""

import asyncio
import sys

from sqlalchemy.exc import DBAPIError

from services.common.runtime import logs
from services.common.runtime.clock import utc_now
from services.common.runtime.settings import Settings
from services.common.service import Runtime
from services.payment import handlers
from services.payment.adapters import SqlPayments
from services.payment.app import SERVICE, provider
from services.payment.ports import ProviderTimeout, ProviderUnreachable
from services.payment.settings import PaymentSettings


async def reconcile() -> int:
    """Print the differences and return the exit code."""
    runtime = Runtime(SERVICE, Settings.read(SERVICE.name))
    settings = PaymentSettings.read(runtime.environment)
    store = SqlPayments(runtime.database, runtime.outbox, utc_now, lambda _: None)
    try:
        differences = await handlers.reconcile(store=store, provider=provider(runtime, settings))
        for difference in differences:
            sys.stdout.write(f"{difference.subject}: {difference.what}\n")
        sys.stderr.write(f"{len(await store.all_charges())} charges compared, {len(differences)} differences\n")
    except (ProviderUnreachable, ProviderTimeout, DBAPIError, OSError) as error:
        sys.stderr.write(
            f"reconcile: nothing compared: {str(error).splitlines()[0]} (database: {_database_url(runtime)})\n"
        )
        return 3
    finally:
        await runtime.database.close()
    return 1 if differences else 0


def _database_url(runtime: Runtime) -> str:
    return runtime.database.engine.url.render_as_string()


if __name__ == "__main__":
    logs.configure("error")
    sys.exit(asyncio.run(reconcile()))
