"""Runs one variant of a recipe without a supervisor: fills its references, writes its files, starts its process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from devctl.core.spec import Port, Service, Variant, substitute
from devctl.products import find, toolbox
from devctl.products.base import Context
from tests.waiting import eventually


@dataclass
class Running:
    """A variant that runs."""

    variant: Variant
    process: subprocess.Popen[bytes]
    ports: dict[str, int]
    log: Path
    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    def url(self, port: str, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.ports[port]}{path}"

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def context(
    name: str, home: Path, services: Mapping[str, Service] | None = None, folder: Path | None = None
) -> Context:
    root = folder or home
    return Context(
        service=name,
        folder=str(root),
        data=str(home / name),
        python=sys.executable,
        services=services or {},
        read=lambda path: (root / path).read_text(),
        files=lambda path: sorted(str(file) for file in (root / path).rglob("*") if file.is_file()),
        telemetry=False,
    )


def expand(name: str, kind: str, settings: Mapping[str, Any], where: Context) -> Variant:
    product = find(name)
    assert product is not None
    return product.variants[kind].expand(product.settings(**settings), where)


def all_ports(name: str, variant: Variant) -> tuple[Port, ...]:
    product = find(name)
    assert product is not None
    return (*product.ports, *variant.ports)


def variables_for(name: str, ports: Mapping[str, int]) -> dict[str, str]:
    variables = {f"services.{name}.variant": "native"}
    for port, number in ports.items():
        dotted = f"services.{name}.{port}"
        variables |= {dotted: f"127.0.0.1:{number}", f"{dotted}.all": f"127.0.0.1:{number}"}
        variables |= {f"{dotted}.port": str(number), f"{dotted}.host": "127.0.0.1"}
        variables[f"{dotted}.advertised"] = f"127.0.0.1:{number}"
    return variables


@contextmanager
def running(name: str, variant: Variant, home: Path, ports: Mapping[str, int] | None = None) -> Iterator[Running]:
    """Start the variant of the recipe `name` and stop it at the end, with everything that it started."""
    numbers = dict(ports or {port.name: free_port() for port in all_ports(name, variant)})
    variables = variables_for(name, numbers)
    for name_of_tool in variant.tools:
        variables[f"tools.{name_of_tool}"] = toolbox.fetch(name_of_tool, lambda _: None).path
    write_files(variant, variables)
    environment = {**os.environ, **{key: substitute(value, variables) for key, value in variant.environment.items()}}
    argv = [substitute(word, variables) for word in variant.argv]
    log = home / f"{name}.log"
    with open(log, "ab") as output:
        process = subprocess.Popen(
            argv, cwd=variant.working_dir, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield Running(variant, process, numbers, log, home, variables)
    finally:
        stop(process)


def write_files(variant: Variant, variables: Mapping[str, str]) -> None:
    for folder in variant.folders:
        Path(folder).mkdir(parents=True, exist_ok=True)
    for file in variant.files:
        path = Path(substitute(file.path, variables))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(substitute(file.content, variables))


def stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def until(running_variant: Running, probe: Any, within: float = 60.0) -> Any:
    """Wait for `probe`; a process that ended meanwhile is told with its output."""

    def check() -> Any:
        if running_variant.process.poll() is not None:
            raise AssertionError(running_variant.output()[-3000:])
        try:
            return probe()
        except OSError:
            return None

    return eventually(check, within=within)


def service(name: str, **facts: Any) -> Service:
    """Return a service with one port `http` that Prometheus scrapes."""
    return replace(Service(name, ports=(Port("http"),), metrics="/metrics"), **facts)
