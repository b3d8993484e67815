"""What a LogQL query of a board means for the log lines of the run."""

from __future__ import annotations

import re


def logs_query(expression: str) -> tuple[list[str], dict[str, str]]:
    """Return which services' lines a LogQL selector means, and its filters: the first text or pattern, the level."""
    services: list[str] = []
    wish: dict[str, str] = {}
    for label, operator, value in re.findall(r'(\w+)\s*(=~|=)\s*"((?:[^"\\]|\\.)*)"', expression):
        if label in ("service", "service_name", "app", "job", "container"):
            services += (
                [] if value in (".*", ".+", "") else value.strip("()").split("|") if operator == "=~" else [value]
            )
        elif label in ("level", "severity", "detected_level"):
            wish["level"] = value.partition("|")[0]
    if match := re.search(r'\|([=~])\s*["`]((?:[^"`\\]|\\.)*)["`]', expression):
        wish["grep"] = re.escape(match[2]) if match[1] == "=" else match[2]
    return services, wish
