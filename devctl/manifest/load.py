"""From files to a Spec: find, read, lay over, interpolate, check, expand. Every mistake is reported together.

Nothing is written and nothing is started; a manifest that cannot be used leaves no trace.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devctl.core.launch import HUB_GRPC_PORT, HUB_PORT
from devctl.core.spec import HUB, RESERVED, Exporter, Journey, Port, Service, Spec
from devctl.core.status import RUN_AS
from devctl.manifest import check, environment, expand, nodes, where
from devctl.manifest.layers import DOT_ENV, Layers
from devctl.manifest.lookup import ProductLookup
from devctl.manifest.model import Logs, Manifest, Telemetry
from devctl.manifest.problems import Location, ManifestError, Problem, Problems
from devctl.manifest.reader import ProjectReader, find_python, stack_name
from devctl.manifest.shapes.base import InvalidValue
from devctl.manifest.shapes.objects import Object
from devctl.manifest.third_party import Entry as ProductEntry
from devctl.manifest.third_party import ProductExpander
from devctl.paths import MANIFEST_NAMES, StackPaths
from devctl.values import dataclass

if TYPE_CHECKING:
    from devctl.engine.base import Engine, NoEngine
    from devctl.manifest.smoke import Smoke
    from devctl.products.base import Product
    from devctl.tools.base import Available, Unavailable

OVERRIDE_NAMES = ("stack.override.yaml", "stack.override.yml")


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """What a command wants loaded. Without `files` the manifest in the stack's folder, and its override, are read.

    `env_files` are read instead of `.env`, the last one wins. `names` and `profiles` are those of the command
    line; `run_as` goes for every service whose own is `auto`.
    `isolated` frees every fixed port. `with_smoke`: read and check the section `smoke`, too. `find_product`,
    `available` and `find_engine` are handed in by tests.
    """

    paths: StackPaths
    files: tuple[Path, ...] = ()
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    profiles: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    run_as: str = ""
    isolated: bool = False
    find_product: Callable[[str], Product | None] | None = None
    product_names: Callable[[], Iterable[str]] | None = None
    available: expand.Availability | None = None
    find_engine: expand.FindEngine | None = None
    env_files: tuple[Path, ...] = ()
    with_smoke: bool = False


@dataclass(frozen=True, slots=True)
class Loaded:
    """A manifest that can be used, and what is worth a look all the same. `written` returns it as one file's data."""

    spec: Spec
    warnings: tuple[Problem, ...] = ()
    written: Callable[[], dict[str, Any]] = dict
    smoke: Smoke | None = None
    environ: Mapping[str, str] = field(default_factory=dict)


def load(request: LoadRequest) -> Loaded:
    """Return the Spec of a stack; ManifestError holds every mistake."""
    return _Load(request).run()


def manifest_files(request: LoadRequest) -> tuple[Path, ...]:
    """Return the files that make up the manifest, in the order in which they are laid over each other."""
    if request.files:
        return request.files
    folder = request.paths.folder
    files = [folder / name for name in MANIFEST_NAMES if (folder / name).is_file()][:1]
    over = [folder / name for name in OVERRIDE_NAMES if (folder / name).is_file()][:1]
    return tuple(files + over) if files else (folder / MANIFEST_NAMES[0],)


class _Load:
    def __init__(self, request: LoadRequest) -> None:
        self.request = request
        self.problems = Problems()
        self.folder = request.paths.folder.resolve()
        self.files = manifest_files(request)
        self.environ = self._environ()
        self.reader = ProjectReader(self.folder, request.paths.volumes, self.environ, self.problems)
        self.products = ProductLookup(
            request.find_product, request.product_names, self.problems, isolated=request.isolated
        )
        self.run_as = request.run_as or self.environ.get("DEVCTL_RUN_AS") or "auto"

    def run(self) -> Loaded:
        root = self._document()
        manifest = self._manifest(root)
        ports = {name: self.products.ports(name, service) for name, service in manifest.services.items()}
        self._check(manifest, ports)
        active = check.active(manifest, [n for n in self.request.names if n not in RESERVED], self.request.profiles)
        check.check_ports(manifest, active, ports, self.problems)
        spec = self._spec(manifest, ports, active)
        self._check_uses(manifest, ports)
        smoke = self._smoke(manifest)
        self.problems.stop()

        def written() -> dict[str, Any]:
            from devctl.manifest.canonical import Canonical

            return Canonical(root, self.reader, self.environ).data(manifest, spec.name)

        return Loaded(spec, tuple(self.problems.warnings.values()), written, smoke, self.environ)

    def _smoke(self, manifest: Manifest) -> Smoke | None:
        if not self.request.with_smoke:
            return None
        from devctl.manifest import smoke

        return smoke.read(manifest.smoke, self.reader, manifest.services.locations)

    def _environ(self) -> dict[str, str]:
        """Return the variables for interpolation: those of `.env`, and before them those of the command."""
        environ = dict(self.request.environ)
        dot_env = self.folder / DOT_ENV
        files = self.request.env_files or ((dot_env,) if dot_env.is_file() else ())
        reader = ProjectReader(self.folder, self.request.paths.volumes, environ, self.problems)
        values: dict[str, str] = {}
        for file in files:
            values |= environment.values_of(file, self._shown(file), reader)
        return values | environ

    def _document(self) -> nodes.Mapping:
        layers = Layers(self.reader, self._shown)
        root = layers.read(self.files)
        self.files = tuple(layers.files)
        if root is None:
            raise ManifestError(self.problems.mistakes)
        return root

    def _shown(self, path: Path) -> str:
        try:
            return str(path.resolve().relative_to(self.folder))
        except ValueError:
            return str(path)

    def _manifest(self, root: nodes.Mapping) -> Manifest:
        self.reader.values["python"] = find_python(self._top_text(root, "python"), self.folder, self.environ)
        try:
            manifest = Object(Manifest).read(root, self.reader, "")
        except InvalidValue:
            raise ManifestError(self.problems.mistakes) from None
        assert isinstance(manifest, Manifest)
        return manifest

    def _top_text(self, root: nodes.Mapping, key: str) -> str:
        node = root.items.get(key)
        if not isinstance(node, nodes.Scalar) or node.is_null:
            return ""
        try:
            return self.reader.text(node)
        except InvalidValue:
            return ""

    def _check(self, manifest: Manifest, ports: check.Ports) -> None:
        if self.run_as not in RUN_AS:
            self.problems.unknown(Location(""), "cannot run as", self.run_as, RUN_AS)
        check.check_names(manifest, ports, self.problems)
        where.check_ways(manifest, self.problems)
        check.check_front(manifest, self.problems)
        self._check_paths(manifest)
        check.warn_of_endless_waits(manifest, self.problems)
        check.check_rings(manifest, self.problems)
        check.check_exporters(manifest, self.problems)
        check.check_requested(manifest, self.request.names, self.request.profiles, self.problems)

    def _check_uses(self, manifest: Manifest, ports: check.Ports) -> None:
        """Note addresses and volumes that do not exist; only now, since expansion reads texts too."""
        unread = {name for name in manifest.services.locations if name not in ports}
        unread |= {name for name, service in manifest.services.items() if not self.products.is_known(service)}
        hub = {HUB: {name: Port(name) for name in (HUB_PORT, HUB_GRPC_PORT)}} if _telemetry(manifest)[0] else {}
        uses = [use for use in self.reader.uses if use.service not in unread]
        check.check_uses(uses, {**ports, **hub}, self.problems)
        check.check_volumes(manifest, self.reader.volume_uses, self.problems)

    def _check_paths(self, manifest: Manifest) -> None:
        """Note what leads out of the project and depends on more than one key; a path of an image may be any."""
        for name, service in manifest.services.items():
            if service.working_dir and (service.uses or not where.has_image(service)):
                with contextlib.suppress(InvalidValue):
                    self.reader.path(service.working_dir, service.nodes["working_dir"], f"services.{name}.working_dir")
            if service.build is not None:
                path = str(Path(service.build.context, service.build.dockerfile))
                node = service.build.nodes.get("dockerfile", service.build.node)
                with contextlib.suppress(InvalidValue):
                    self.reader.path(path, node, f"services.{name}.build.dockerfile")

    def _spec(self, manifest: Manifest, ports: check.Ports, active: list[str]) -> Spec:
        telemetry, record = _telemetry(manifest)
        available = self.request.available or _available
        volumes = self.request.paths.volumes
        machine = expand.Machine(available, self.request.find_engine or _find_engine)
        name = self.request.paths.project or manifest.name or stack_name(self.folder.name)
        facts = expand.StackFacts(name, volumes, telemetry)
        project = expand.Project(self.reader, self.environ, self.run_as, machine, facts)
        services, tools = self._services(manifest, ports, active, expand.Expander(project))
        exporters = tuple(_exporter(name, e.otlp, e.zipkin, e.headers) for name, e in manifest.exporters.items())
        if telemetry and not self.problems.mistakes:
            services[HUB] = self._hub(exporters, services, active, record)
            active = [*active, HUB]
        return Spec(
            name=name,
            folder=str(self.folder),
            services=services,
            active=tuple(active),
            exporters=exporters,
            journeys=tuple(Journey(n, j.attribute, j.field or j.attribute) for n, j in manifest.journeys.items()),
            telemetry=telemetry,
            record_bytes=record,
            log_bytes=(manifest.logs or Logs()).record,
            host_environment=environment.passed(self.environ, (*environment.HOST, *manifest.pass_env)),
            manifests=tuple(map(str, self.files)),
            profiles=self.request.profiles,
            tools=tools,
            engine=project.engine_url,
        )

    def _services(
        self, manifest: Manifest, ports: check.Ports, active: list[str], expander: expand.Expander
    ) -> tuple[dict[str, Service], dict[str, str]]:
        """Return all services expanded, and the paths of the native programs that are at hand for them."""
        bare = {
            name: expander.bare(name, service, self.products.of(service), ports[name])
            for name, service in manifest.services.items()
        }
        others = {name: bare[name] for name in active}
        products = ProductExpander(expander, others)
        services = {}
        for name, service in manifest.services.items():
            product = self.products.of(service)
            if product is not None:
                services[name] = products.expand(ProductEntry(name, service, product, bare[name]))
            elif not service.uses:
                services[name] = expander.process(name, service, bare[name])
        return services, products.tools()

    def _hub(
        self, exporters: tuple[Exporter, ...], services: Mapping[str, Service], active: list[str], record: int
    ) -> Service:
        from devctl.manifest import hub

        return hub.service(
            python=sys.executable,
            folder=str(self.request.paths.state / HUB),
            exporters=exporters,
            stores=hub.span_stores(services[name] for name in active),
            cap_bytes=record,
            is_isolated=self.request.isolated,
        )


def _telemetry(manifest: Manifest) -> tuple[bool, int]:
    if manifest.telemetry is None:
        return True, Telemetry().record
    if isinstance(manifest.telemetry, str):
        return manifest.telemetry in ("on", "true"), Telemetry().record
    return manifest.telemetry.enabled, manifest.telemetry.record


def _exporter(name: str, otlp: str, zipkin: str, headers: Mapping[str, str | None]) -> Exporter:
    kind, url = ("zipkin", zipkin) if zipkin else ("otlp", otlp)
    return Exporter(name, kind, url, {key: value or "" for key, value in headers.items()})


def _available(tool: str) -> Available | Unavailable:
    from devctl.products import toolbox

    return toolbox.available(tool)


def _find_engine(environ: Mapping[str, str]) -> Engine | NoEngine:
    from devctl.engine import find

    return find.usable(environ)
