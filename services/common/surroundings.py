"""What surrounds a service, as its settings say: its database, the broker, Consul."""

from pathlib import Path
from typing import TYPE_CHECKING

from opentelemetry.trace import NoOpTracer

from services.common.data.database import Database
from services.common.events.broker import Broker, NoBroker
from services.common.runtime import telemetry
from services.common.runtime.logs import Logger
from services.common.runtime.metrics import Metrics
from services.common.runtime.settings import Settings

if TYPE_CHECKING:
    from services.common.http.consul import Consul


def open_database(
    settings: Settings,
    migrations: Path | None,
    telemetry_: telemetry.Telemetry | None = None,
    metrics: Metrics | None = None,
) -> Database:
    """Open the database of a service; alone, it is neither traced nor measured."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Database(
        settings.database_url or f"sqlite+aiosqlite:///{settings.data_dir / settings.service}.db",
        settings.service,
        migrations,
        telemetry_ or telemetry.Telemetry(NoOpTracer()),
        metrics or Metrics(with_process=False),
    )


def open_broker(settings: Settings, metrics: Metrics, log: Logger) -> Broker:
    """Return the broker, whose client is loaded only where there is one."""
    if not settings.kafka:
        return NoBroker()
    from services.common.events.kafka import KafkaBroker

    return KafkaBroker(settings.kafka, settings.service, f"{settings.host}-{settings.port}", metrics, log)


def open_consul(settings: Settings, log: Logger) -> "Consul | None":
    """Return the client of Consul, if there is one."""
    if not settings.consul:
        return None
    from services.common.http.consul import Consul

    return Consul(settings.consul, log)
