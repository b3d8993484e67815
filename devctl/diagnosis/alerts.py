"""What fires in the stack's own Prometheus: asked for at once or not at all, since a diagnosis waits for nobody."""

from __future__ import annotations

import json

from devctl.queries.prometheus import Alert, alert_of

_TIMEOUT_SECONDS = 0.3
"""A Prometheus on loopback answers within some milliseconds; one that is stopped must not hold the answer up."""


def firing(host: str, port: int, *, within: float = _TIMEOUT_SECONDS) -> list[Alert]:
    """Return the alerts that fire, by name; none where nobody answers in time."""
    import http.client  # where a Prometheus runs

    connection = http.client.HTTPConnection(host, port, timeout=within)
    try:
        connection.request("GET", "/api/v1/alerts")
        entries = json.loads(connection.getresponse().read())["data"]["alerts"]
        alerts = [alert_of(entry) for entry in entries]
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
        return []
    finally:
        connection.close()
    return sorted((alert for alert in alerts if alert.state == "firing"), key=lambda alert: alert.name)
