"""Finds the engine of this machine: DOCKER_HOST, then the current docker context, then the usual places.

Who names an engine gets that one or the reason why not; only where nobody does are the usual places tried.
"""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from devctl.engine import ask
from devctl.engine.base import Address, Engine, NoEngine

INSTALL = "Install and start Docker or Podman."
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_GONE = (errno.ENOENT, errno.ECONNREFUSED, errno.ENOTSOCK, errno.ENOTDIR)

Ask = Callable[[Address, str], Any]
"""See `ask.ask`."""


def usable(environ: Mapping[str, str]) -> Engine | NoEngine:
    """Return the engine that this environment uses where devctl can run containers on it, else why it cannot."""
    engine = find(environ)
    if isinstance(engine, Engine) and importlib.util.find_spec("docker") is None:
        return NoEngine(
            f"{engine.title} answers, but the library to use it is not installed",
            "Install it: python3 -m pip install 'devctl[containers]'.",
        )
    return engine


def find(environ: Mapping[str, str], ask_engine: Ask = ask.ask) -> Engine | NoEngine:
    """Return the engine that this environment uses, or why there is none."""
    named = _named(environ)
    if isinstance(named, NoEngine):
        return named
    if named is not None:
        return _refusal(named) or examine(named, ask_engine)
    problem: NoEngine | None = None
    for address in known_places(environ):
        if os.path.lexists(address.socket_path):
            outcome = examine(address, ask_engine)
            if isinstance(outcome, Engine):
                return outcome
            problem = problem or outcome
    return problem or NoEngine("no container engine answers on this machine", INSTALL)


def known_places(environ: Mapping[str, str]) -> Iterator[Address]:
    """Yield where engines listen when nobody names one, the most usual first."""
    home = environ.get("HOME") or str(Path.home())
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    yield Address("unix:///var/run/docker.sock", "Docker")
    if runtime:
        yield Address(f"unix://{runtime}/docker.sock", "rootless Docker")
    for folder, origin in (
        (".docker/run", "Docker Desktop"),  # macOS
        (".docker/desktop", "Docker Desktop"),  # Linux
        (".orbstack/run", "OrbStack"),
        (".colima/default", "Colima"),
        (".config/colima/default", "Colima"),
        (".rd", "Rancher Desktop"),
    ):
        yield Address(f"unix://{home}/{folder}/docker.sock", origin)
    if runtime:
        yield Address(f"unix://{runtime}/podman/podman.sock", "rootless Podman")
    yield Address("unix:///run/podman/podman.sock", "Podman")
    yield Address(f"unix://{home}/.local/share/containers/podman/machine/podman.sock", "Podman machine")


def examine(address: Address, ask_engine: Ask = ask.ask) -> Engine | NoEngine:
    """Return what answers at an address, or why nothing can be done with it."""
    shown = address.socket_path or address.url
    try:
        version, info = ask_engine(address, "/version"), ask_engine(address, "/info")
        return _engine(address, version, info)
    except PermissionError:
        remedy = (
            "Add yourself to its group (`sudo usermod -aG docker $USER`, then log in again), or use rootless Docker."
        )
        return NoEngine(f"{address.origin} is at {shown}, but you may not use it", remedy)
    except TimeoutError:
        return NoEngine(f"{address.origin} at {shown} is hung: it took the question and did not answer", "Restart it.")
    except ask.NotAnEngine as error:
        return NoEngine(f"{address.origin} at {shown} cannot be used: {error}", "Restart it, or name another one.")
    except OSError as error:
        if error.errno in _GONE or isinstance(error, ConnectionError):
            return NoEngine(f"{address.origin} at {shown} does not run", "Start it, or unset what names it.")
        return NoEngine(f"{address.origin} at {shown}: {error.strerror or error}", "Start it, or name another one.")
    except (KeyError, TypeError, AttributeError):
        return NoEngine(f"what answers at {shown} is no container engine", "Name another one in DOCKER_HOST.")


def _engine(address: Address, version: dict[str, Any], info: dict[str, Any]) -> Engine:
    components = [component["Name"] for component in version.get("Components") or ()]
    is_podman = any("podman" in name.lower() for name in components)
    system = str(info.get("OperatingSystem", ""))
    options = info.get("SecurityOptions") or ()
    return Engine(
        address,
        name="Podman" if is_podman else "Docker",
        version=version["Version"],
        api_version=version["ApiVersion"],
        is_rootless="name=rootless" in options or "rootless" in options,
        is_virtual=sys.platform == "darwin" or system == "Docker Desktop",
        memory_bytes=int(info.get("MemTotal", 0)),
        cores=int(info.get("NCPU", 0)),
    )


# What somebody names


def _named(environ: Mapping[str, str]) -> Address | NoEngine | None:
    """Return the engine that DOCKER_HOST or the current context names; None when neither does."""
    if url := environ.get("DOCKER_HOST", ""):
        return Address(url, "DOCKER_HOST")
    folder = Path(environ.get("DOCKER_CONFIG") or f"{environ.get('HOME') or Path.home()}/.docker")
    name = environ.get("DOCKER_CONTEXT") or _read(folder / "config.json").get("currentContext") or "default"
    if name == "default":
        return None
    meta = folder / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest() / "meta.json"
    endpoint = (_read(meta).get("Endpoints") or {}).get("docker") or {}
    if not endpoint.get("Host"):
        return NoEngine(f"the docker context {name!r} does not exist", "Choose another: `docker context use default`.")
    return Address(endpoint["Host"], f"the docker context {name!r}")


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def _refusal(address: Address) -> NoEngine | None:
    """Return why a named address cannot be used at all: containers publish their ports on the engine's machine."""
    if address.socket_path:
        return None
    parts = urlsplit(address.url)
    if parts.scheme not in ("tcp", "http"):
        reason = f"{address.origin} names {address.url}, which devctl cannot use"
        return NoEngine(reason, "Name the engine of this machine: unix:///path/of/docker.sock.")
    if parts.hostname not in _LOOPBACK:
        reason = f"{address.origin} names an engine on another machine ({address.url}): its ports would not be here"
        return NoEngine(reason, "Name the engine of this machine: unix:///path/of/docker.sock.")
    return None
