"""The OpenAPI documents, taken from the applications themselves; nothing is started for it."""

import tempfile
from pathlib import Path
from typing import Any

from services.common.http.application import described
from services.common.runtime.settings import Environment
from services.gateway.documents import merged
from services.gateway.domain import SERVICES
from services.monolith import compose


def documents() -> dict[str, dict[str, Any]]:
    """Return the document of every service, and the common one of the gateway."""
    with tempfile.TemporaryDirectory() as folder:
        shop = compose(Environment({"DATA_DIR": str(Path(folder) / "shop")}))
        applications = {name: runtime.app for name, runtime in shop.runtimes.items()}
        by_service = {name: applications[name].openapi() for name in SERVICES}
        gateway = applications["gateway"]
        by_service["gateway"] = merged(described(gateway), by_service)
    return by_service
