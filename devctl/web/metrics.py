"""What the viewer tells Prometheus of itself."""

from __future__ import annotations

import os
import resource
import sys
import time

from devctl.web.data.prometheus import Prometheus

_STARTED = time.time()


def exposition(prometheus: Prometheus) -> bytes:
    """Return the metrics in Prometheus' text format."""
    times = os.times()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    rows = (
        ("devctl_web_prometheus_queries_total", "counter", "Questions sent to Prometheus.", prometheus.counts.sent),
        ("devctl_web_shared_answers_total", "counter", "Questions answered from one sent before.",
         prometheus.counts.shared),
        ("process_cpu_seconds_total", "counter", "CPU time.", times.user + times.system),
        ("process_resident_memory_bytes", "gauge", "Resident memory.", resident() or peak),
        ("process_start_time_seconds", "gauge", "When the process started.", _STARTED),
    )  # fmt: skip
    text = "".join(f"# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n" for name, kind, help, value in rows)
    return text.encode()


def resident() -> int:
    """Return the bytes of resident memory, 0 where the system does not say."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return 0
