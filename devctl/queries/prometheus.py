"""Questions to the stack's Prometheus: instant and range queries, and the alerts that fire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from devctl.errors import DevctlError, EnvironmentProblem, UsageError

TIMEOUT_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Series:
    """One series: its labels, and its values as (Unix seconds, value); an instant answer has one."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]

    @property
    def last(self) -> float:
        """The newest value that is a number, NaN when none is."""
        return next((value for _, value in reversed(self.points) if value == value), float("nan"))


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that is pending or firing; `since` is RFC 3339, `next` the command to go on with."""

    name: str
    state: str
    severity: str
    summary: str
    labels: Mapping[str, str]
    since: str
    description: str = ""
    runbook: str = ""
    next: str = ""


class Prometheus:
    """A Prometheus server at host:port."""

    def __init__(self, address: str) -> None:
        from prometheus_api_client import PrometheusConnect

        self.url = f"http://{address}"
        self._client = PrometheusConnect(url=self.url, timeout=TIMEOUT_SECONDS)

    def instant(self, query: str) -> list[Series]:
        """Return the value of each series now."""
        return [_series(entry, [entry["value"]]) for entry in self._ask(self._client.custom_query, query)]

    def range(self, query: str, start: float, end: float, step_seconds: float) -> list[Series]:
        """Return the values of each series over a time range (Unix seconds)."""
        moments = [datetime.fromtimestamp(moment, UTC) for moment in (start, end)]
        answer = self._ask(self._client.custom_query_range, query, *moments, f"{step_seconds:g}")
        return [_series(entry, entry["values"]) for entry in answer]

    def alerts(self) -> list[Alert]:
        """Return what is pending or firing, firing first."""
        import httpx

        try:
            answer = httpx.get(f"{self.url}/api/v1/alerts", timeout=TIMEOUT_SECONDS).raise_for_status().json()
        except httpx.HTTPError as error:
            raise self._gone(error) from error
        alerts = [alert_of(entry) for entry in answer["data"]["alerts"]]
        return sorted(alerts, key=lambda alert: (alert.state != "firing", alert.name, sorted(alert.labels.items())))

    def _ask(self, ask: Any, query: str, *arguments: Any) -> list[Any]:
        from prometheus_api_client.exceptions import PrometheusApiClientException
        from requests.exceptions import RequestException

        try:
            answer = ask(query, *arguments)
        except PrometheusApiClientException as error:
            raise UsageError(f"Prometheus refuses the query: {_reason(error)}", where=query) from error
        except RequestException as error:
            raise self._gone(error) from error
        if not isinstance(answer, list) or (answer and not isinstance(answer[0], dict)):
            raise UsageError("this query answers a scalar or text, not series", where=query, next="Wrap it: vector(…).")
        return answer

    def _gone(self, error: Exception) -> DevctlError:
        return EnvironmentProblem(
            f"Prometheus does not answer: {type(error).__name__}", where=self.url, next="See `devctl why prometheus`."
        )


def _series(entry: Mapping[str, Any], values: Sequence[Any]) -> Series:
    return Series(entry.get("metric", {}), [(float(moment), float(value)) for moment, value in values])


def alert_of(entry: Mapping[str, Any]) -> Alert:
    """Return an alert as Prometheus answers it."""
    labels = dict(entry["labels"])
    annotations = entry.get("annotations", {})
    description = annotations.get("description", "")
    return Alert(
        name=labels.pop("alertname", "?"),
        state=entry["state"],
        severity=labels.pop("severity", ""),
        summary=annotations.get("summary", ""),
        labels=labels,
        since=entry.get("activeAt", ""),
        description=description,
        # Rules that are not the shop's use the name that most alert managers know.
        runbook=annotations.get("runbook", annotations.get("runbook_url", "")),
        next=annotations.get("next") or _next_command(description, labels),
    )


def _next_command(description: str, labels: Mapping[str, str]) -> str:
    """Return the command that a description names, else the question why the service of the alert is not well."""
    import re

    if match := re.search(r"`(devctl [^`]+)`", description):
        return match[1]
    return f"devctl why {labels['service']}" if labels.get("service") else ""


def _reason(error: Exception) -> str:
    """Return Prometheus' own words from the client's message."""
    import re

    match = re.search(r'"error":"((?:[^"\\]|\\.)*)"', str(error))
    return match[1].replace('\\"', '"').replace("\\\\", "\\") if match else str(error)[:200]
