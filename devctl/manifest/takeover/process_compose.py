"""A process-compose.yaml as a stack.yaml."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from devctl.manifest import document
from devctl.manifest.nodes import Mapping, Node, Scalar
from devctl.manifest.problems import Problems
from devctl.manifest.takeover.notes import Notes
from devctl.manifest.takeover.procfile import shell_command
from devctl.manifest.yaml_text import Unquoted, plain

CONDITIONS = {
    "process_started": "service_started", "process_healthy": "service_healthy",
    "process_log_ready": "service_healthy", "process_completed_successfully": "service_completed_successfully",
    "process_completed": "service_completed_successfully",
}  # fmt: skip
RESTARTS = {"always": "always", "on_failure": "on-failure", "no": "no", "exit_on_failure": "no"}
SIGNALS = {1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 9: "SIGKILL", 10: "SIGUSR1", 12: "SIGUSR2", 15: "SIGTERM"}
TOP = ("version", "processes", "environment")
TIMES = {"period_seconds": "interval", "timeout_seconds": "timeout", "initial_delay_seconds": "start_interval"}


def stack(file: Path, notes: Notes) -> dict[str, Any]:
    """Return the manifest for a process-compose.yaml; ManifestError when it cannot be read."""
    problems = Problems()
    root = document.read(file, file.name, problems)
    problems.stop()
    assert root is not None
    for key in root.items:
        if key not in TOP and not key.startswith("x-"):
            notes.dropped(root, key, key, {})
    shared = root.items.get("environment")
    environment = [item.text for item in getattr(shared, "items", []) if isinstance(item, Scalar)] if shared else []
    processes = root.items.get("processes")
    services: dict[str, Any] = {}
    for name, node in processes.items.items() if isinstance(processes, Mapping) else ():
        notes.sources["services", name] = node.location
        if isinstance(node, Mapping):
            services[name] = _Process(name, node, notes).service(environment)
        else:
            notes.lost(node.location, f"processes.{name}", "it is no mapping")
    return {"services": services}


class _Process:
    def __init__(self, name: str, node: Mapping, notes: Notes) -> None:
        self.path = f"processes.{name}"
        self.node = node
        self.notes = notes
        self.written: dict[str, Any] = {}

    def service(self, environment: list[str]) -> dict[str, Any]:
        """Return the process as a service of a stack.yaml."""
        for key, value in self.node.items.items():
            if key in KEYS:
                KEYS[key](self, value)
            elif not key.startswith("x-"):
                self.notes.dropped(self.node, key, f"{self.path}.{key}", {})
        if environment:
            self.written["environment"] = [*environment, *self.written.get("environment", [])]
        return self.written

    def _rest(self, node: Node, path: str, kept: tuple[str, ...]) -> dict[str, Any]:
        """Return a mapping's values; keys other than `kept` are noted as lost."""
        if not isinstance(node, Mapping):
            self.notes.lost(node.location, f"{self.path}.{path}", "it is no mapping")
            return {}
        for key in node.items:
            if key not in kept and not key.startswith("x-"):
                self.notes.dropped(node, key, f"{self.path}.{path}.{key}", {})
        return {key: plain(value) for key, value in node.items.items() if key in kept}

    def command(self, node: Node) -> None:
        text = plain(node)
        self.written["command"] = shell_command(str(text)) if isinstance(text, str) else text

    def entrypoint(self, node: Node) -> None:
        self.written["command"] = plain(node)

    def working_dir(self, node: Node) -> None:
        self.written["working_dir"] = plain(node)

    def environment(self, node: Node) -> None:
        self.written["environment"] = [str(item) for item in plain(node) or []]

    def env_file(self, node: Node) -> None:
        self.written["env_file"] = plain(node)

    def depends_on(self, node: Node) -> None:
        targets = node.items if isinstance(node, Mapping) else {}
        for name, value in targets.items():
            condition = str(self._rest(value, f"depends_on.{name}", ("condition",)).get("condition", "process_started"))
            if condition == "process_completed":
                self.notes.add(value.location, f"{self.path}.depends_on.{name} waits for its success now")
            kept = CONDITIONS.get(condition, "service_started")
            self.written.setdefault("depends_on", {})[name] = {"condition": kept}

    def availability(self, node: Node) -> None:
        values = self._rest(node, "availability", ("restart", "backoff_seconds", "max_restarts"))
        restart = RESTARTS.get(str(values.get("restart", "no")), "no")
        if values.get("restart") == "exit_on_failure":
            self.notes.lost(
                node.location, f"{self.path}.availability.restart: exit_on_failure", "it does not end the stack"
            )
        self.written["restart"] = restart
        attempts, delay = str(values.get("max_restarts", "")), str(values.get("backoff_seconds", ""))
        if restart != "no" and (attempts not in ("", "0") or delay):
            policy: dict[str, Any] = {"condition": "any" if restart == "always" else "on-failure"}
            policy |= {"max_attempts": Unquoted(attempts)} if attempts not in ("", "0") else {}
            policy |= {"delay": f"{delay}s"} if delay else {}
            self.written.setdefault("deploy", {})["restart_policy"] = policy

    def shutdown(self, node: Node) -> None:
        values = self._rest(node, "shutdown", ("signal", "timeout_seconds"))
        number = str(values.get("signal", ""))
        if number.isdigit() and int(number) in SIGNALS:
            self.written["stop_signal"] = SIGNALS[int(number)]
        elif number:
            self.notes.lost(node.location, f"{self.path}.shutdown.signal: {number}", "it is not known here")
        if timeout := values.get("timeout_seconds"):
            self.written["stop_grace_period"] = f"{timeout}s"

    def readiness_probe(self, node: Node) -> None:
        values = self._rest(node, "readiness_probe", ("exec", "http_get", "failure_threshold", *TIMES))
        check: dict[str, Any] = {TIMES[key]: f"{value}s" for key, value in values.items() if key in TIMES}
        if "failure_threshold" in values:
            check["retries"] = values["failure_threshold"]
        if isinstance(command := values.get("exec"), dict):
            check["test"] = ["CMD-SHELL", str(command.get("command", "")).replace("$", "$$")]
        elif isinstance(request := values.get("http_get"), dict):
            port = str(request.get("port", ""))
            check["http"] = str(request.get("path", "/"))
            if port.isdigit():
                self.written.setdefault("ports", {})["http"] = Unquoted(port)
            for key in request.keys() - {"port", "path", "host", "scheme"}:
                self.notes.lost(node.location, f"{self.path}.readiness_probe.http_get.{key}", "it is not known here")
        self.written["healthcheck"] = check

    def ready_log_line(self, node: Node) -> None:
        self.written["healthcheck"] = {"log": re.escape(str(plain(node))).replace("$", "$$")}

    def replicas(self, node: Node) -> None:
        self.written.setdefault("deploy", {})["replicas"] = plain(node)

    def disabled(self, node: Node) -> None:
        if str(plain(node)) == "true":
            self.written["profiles"] = ["disabled"]
            self.notes.add(node.location, f"{self.path} is of the profile disabled now", "devctl up NAME starts it")

    def ignored(self, node: Node) -> None:
        """Leave out what says nothing of how it runs."""


KEYS: dict[str, Callable[[_Process, Node], None]] = {
    "command": _Process.command, "entrypoint": _Process.entrypoint, "working_dir": _Process.working_dir,
    "environment": _Process.environment, "env_file": _Process.env_file, "depends_on": _Process.depends_on,
    "availability": _Process.availability, "shutdown": _Process.shutdown,
    "readiness_probe": _Process.readiness_probe, "ready_log_line": _Process.ready_log_line,
    "replicas": _Process.replicas, "disabled": _Process.disabled, "description": _Process.ignored,
}  # fmt: skip
