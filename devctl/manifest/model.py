"""What may stand in a stack.yaml: one class per part, one field per key, each explained below it.

The text below a field is its entry in docs/manifest.md and its description in stack.schema.json. Nothing is
decided here; `shapes` reads the values, `check` compares them with each other.
"""

from typing import Annotated, ClassVar, Literal

from devctl.core.status import RUN_AS
from devctl.manifest.nodes import Node
from devctl.manifest.shapes.base import Entries
from devctl.manifest.shapes.groups import AnyNode, CheckCommand, Command, ListOf, MapOf, OneOf, Variables
from devctl.manifest.shapes.objects import LaterSection, Object, Section
from devctl.manifest.shapes.scalars import (
    Choice,
    Decimal,
    Duration,
    Inside,
    Mount,
    Number,
    PortNumber,
    Regex,
    Size,
    Text,
)

NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}"
VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*\*?"
URL = r"https?://[^\s/?#][^\s]*"
CAPABILITY = r"[A-Z][A-Z_]*"
RESTARTS = ("no", "on-failure", "always", "unless-stopped")
SIGNALS = ("SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGKILL", "SIGWINCH")

Seconds = Annotated[float, Duration()]
Bytes = Annotated[int, Size()]
Arguments = Annotated[tuple[str, ...], Command()]
ImageWords = Annotated[tuple[str, ...], Command(may_be_empty=True)]
Switch = Choice(("on", "off", "true", "false"))
PlainText = Annotated[str, Text(refers=False)]
UrlPath = Annotated[str, Text(r"/[^\s]*", "a path that begins with /", refers=True)]


class HttpCheck(Section):
    """Ask a path of the service; it is ready when the answer's status is good."""

    path: UrlPath = "/"
    """What is asked for."""
    port: PlainText = ""
    """The name of the port; without it the port named `http`, else the only one."""
    status: Annotated[tuple[int, ...], ListOf(Number(100, 599), single=True)] = ()
    """The statuses that count as good; without it 200 to 399."""
    headers: Annotated[Entries[str], MapOf(Text())] = Entries()
    """Headers to send."""


class GrpcCheck(Section):
    """Ask the gRPC health service (grpc.health.v1); it is ready when the answer is SERVING."""

    port: PlainText = ""
    """The name of the port; without it the port named `http`, else the only one."""
    service: Annotated[str, Text(r"[A-Za-z0-9_.-]{0,127}", "the name of a gRPC service", refers=False)] = ""
    """The service that is asked about, such as `shop.v1.Orders`; without it the whole server."""


class Healthcheck(Section):
    """How devctl learns that a service is ready: exactly one of `http`, `tcp`, `grpc`, `test` and `log`."""

    http: Annotated[HttpCheck | None, Object(HttpCheck, short="path")] = None
    """Ask over HTTP: a path, or a mapping."""
    tcp: PlainText = ""
    """The name of a port that must take a connection."""
    grpc: Annotated[GrpcCheck | None, Object(GrpcCheck, short="port")] = None
    """Ask the gRPC health service (grpc.health.v1) on a port, by its name, or with a mapping. Without TLS."""
    test: Annotated[tuple[str, ...], CheckCommand()] = ()
    """A command that must end with 0. A text is run by the shell; a list begins with CMD or CMD-SHELL, or is
    the command itself; NONE turns the check off. As in Compose."""
    log: Annotated[str, Regex()] = ""
    """A regular expression that must match a line of the service's output."""
    disable: bool = False
    """Turn the check off, also one that a recipe brings."""
    interval: Seconds | None = None
    """Time between checks once it is ready. 2s unless given."""
    timeout: Seconds | None = None
    """How long one check may take. 2s unless given."""
    retries: Annotated[int | None, Number(1, 1000)] = None
    """How many failures in a row make it unhealthy. 3 unless given."""
    start_interval: Seconds | None = None
    """Time between checks until the first success. 25ms unless given, 200ms for `test`; sooner while nobody listens."""
    start_period: Seconds | None = None
    """How long it may take to become ready; failures before that do not count. 60s unless given."""


class DependsOn(Section):
    """What must hold of another service before this one starts."""

    condition: Literal["service_started", "service_healthy", "service_completed_successfully"] = "service_started"
    """What is waited for."""
    required: bool = True
    """With false the service starts also when the other one cannot be had."""
    restart: bool = False
    """Restart this service when the other one is restarted by a person."""


class RestartPolicy(Section):
    """How a service that ended by itself is started again."""

    condition: Literal["none", "on-failure", "any"] = "on-failure"
    """When: never, after a failure, always."""
    delay: Seconds | None = None
    """Pause before a restart. Without it the first comes at once and the next ones later and later."""
    max_attempts: Annotated[int, Number(0, 10_000)] = 5
    """This many ends within `window` are a crash loop, and the service has failed; so has one that was started this
    often and never became healthy, or never completed as a job."""
    window: Seconds = 60.0
    """The time that `max_attempts` counts in."""


class UpdateConfig(Section):
    """How instances are replaced one after the other, by `restart` and by `up` after an edit."""

    parallelism: Annotated[int, Number(0, 1000)] = 1
    """How many are replaced at a time; 0 is all of them."""
    order: Literal["auto", "start-first", "stop-first"] = "auto"
    """Whether the new instance is healthy before the old one stops. `auto` is `start-first` where the service is
    relayed (another default than Compose's, so that nothing is lost), `stop-first` for third-party products, which may
    not share their data, and on `auto` ports without a front."""
    delay: Seconds = 0.0
    """Pause between one and the next."""
    failure_action: Literal["rollback", "pause", "continue"] = "rollback"
    """What happens when a new instance does not become healthy: everything goes back to what it was (another default
    than Compose's `pause`), or stays as it is, or the next one is replaced nevertheless."""
    monitor: Seconds = 0.0
    """How long a new instance must stay healthy before the next one is replaced."""

    FOREIGN: ClassVar[dict[str, str]] = {
        "max_failure_ratio": "the first instance that does not become healthy counts",
    }


class Deploy(Section):
    """How many instances run and how they are restarted."""

    replicas: Annotated[int, Number(0, 1000)] = 1
    """The number of instances. With a fixed port and more than one, the relay holds the port and passes connections to
    healthy instances. With 0 it stays stopped, which counts as good."""
    restart_policy: Annotated[RestartPolicy | None, Object(RestartPolicy)] = None
    """Restarts in detail; goes before `restart`."""
    update_config: Annotated[UpdateConfig | None, Object(UpdateConfig)] = None
    """How instances are replaced."""

    FOREIGN: ClassVar[dict[str, str]] = {
        "resources": "devctl sets no limits on native processes",
        "placement": "everything runs on this machine",
        "mode": "only replicated services are known here",
    }


class Build(Section):
    """How the service's image is built; used where it runs as a container."""

    context: Annotated[str, Inside()] = "."
    """The folder that is sent to the engine."""
    dockerfile: PlainText = "Dockerfile"
    """The file with the steps, seen from `context`."""
    args: Annotated[Entries[str | None], Variables(inherited=True)] = Entries()
    """Arguments of the build."""
    target: PlainText = ""
    """The stage to stop at."""
    network: Annotated[str, Text(expected="host, none or the name of a network", refers=False)] = ""
    """The network of its steps; the engine's own default unless given."""


class EnvFile(Section):
    """A file with NAME=VALUE lines."""

    path: Annotated[str, Inside()]
    """Where it lies."""
    required: bool = True
    """With false the file may be missing."""


class Watch(Section):
    """Files whose change restarts the service."""

    path: Annotated[str, Inside(keeps_links=True)]
    """A file or a folder, which may also come to be later. Whatever happens to the name counts."""
    ignore: tuple[PlainText, ...] = ()
    """Patterns of names that do not count."""
    dependents: bool = False
    """Restart also what depends on the service."""


class Extends(Section):
    """The service that this one is laid over, as in Compose."""

    service: PlainText
    """Its name."""
    file: Annotated[str, Inside()] = ""
    """The file that it stands in; this one unless given."""


class Include(Section):
    """Files that belong to the manifest too, as in Compose. Their paths are seen from their own folder."""

    path: Annotated[tuple[str, ...], ListOf(Inside(), single=True)]
    """The file, or several that are laid over each other."""
    project_directory: Annotated[str, Inside()] = ""
    """The folder that their paths are seen from; that of the first file unless given."""
    env_file: Annotated[tuple[str, ...], ListOf(Inside(), single=True)] = ()
    """Files with variables for them, instead of the `.env` in their folder; the manifest's own go before them."""


class Ulimit(Section):
    """A limit of the processes in a container."""

    soft: Annotated[int, Number(-1)]
    """What they begin with; -1 is none."""
    hard: Annotated[int | None, Number(-1)] = None
    """How far they may raise it; as `soft` unless given."""


class Native(Section):
    """How a service that has an image also runs on this machine, as a process."""

    command: Arguments
    """The program and its arguments, as `command` of a service without an image."""
    environment: Annotated[Entries[str | None], Variables(inherited=True)] = Entries()
    """Variables for the process alone; they go before the service's own."""
    working_dir: Annotated[str, Inside()] = ""
    """The folder it runs in; the manifest's folder unless given."""
    healthcheck: Annotated[Healthcheck | None, Object(Healthcheck)] = None
    """Its check here, or other times for the service's own. The service's holds here too, unless it is
    a `test`, which is a command of the image."""


class Hook(Section):
    """A command that runs beside an instance, in its environment: on this machine, or in its container."""

    command: Arguments
    """The command and its arguments."""
    working_dir: Annotated[str, Text(expected="a folder", refers=False)] = ""
    """The folder it runs in; the service's unless given."""
    environment: Annotated[Entries[str | None], Variables()] = Entries()
    """Further variables for it."""
    user: PlainText = ""
    """The user, in a container; the container's own unless given."""

    FOREIGN: ClassVar[dict[str, str]] = {"privileged": "devctl gives no service more rights than you have"}


class Service(Section):
    """One entry of `services`: a program of ours (`command`), a product that devctl knows (`uses`), or an image."""

    extends: Annotated[Extends | None, Object(Extends, short="service")] = None
    """A service that this one is laid over: its name, or {service: NAME, file: FILE}."""
    command: ImageWords = ()
    """The program and its arguments. A text is split as the shell would split it, but no shell runs it. With `image`
    or `build` it is a command of the image and never runs on this machine; empty is the image's own."""
    entrypoint: ImageWords = ()
    """What the image starts before `command`; only with `image` or `build`. Empty takes the image's own away."""
    native: Annotated[Native | None, Object(Native)] = None
    """How a service with an image also runs on this machine: native: {command: [...]}."""
    uses: PlainText = ""
    """The recipe of a third-party product, such as `kafka` or `prometheus`."""
    with_: Annotated[Node | None, AnyNode()] = None
    """Settings of the recipe."""
    image: Annotated[str, Text(r"\S+", "the name of an image", "leave it out if there is none", refers=False)] = ""
    """The image to run. The service is a container, unless `native` says how it also runs on this machine."""
    build: Annotated[Build | None, Object(Build, short="context")] = None
    """How to build its image; a text is the context."""
    working_dir: Annotated[str, Text(expected="a path inside the project, or of the image", refers=False)] = ""
    """The folder it runs in; the manifest's folder unless given. With `image` or `build` it is a path of the image."""
    environment: Annotated[Entries[str | None], Variables(inherited=True)] = Entries()
    """Its environment variables, as a mapping or a list of NAME=VALUE."""
    env_file: Annotated[tuple[EnvFile, ...], ListOf(Object(EnvFile, short="path"), single=True)] = ()
    """Files with further variables; `environment` goes before them."""
    pass_env: tuple[Annotated[str, Text(VARIABLE, "the name of a variable, or PREFIX_*")], ...] = ()
    """Variables of the command's environment that it also gets; PREFIX_* takes all that begin so."""
    ports: Annotated[Entries[int], MapOf(PortNumber(), pattern=NAME, expected="a mapping such as {http: 8080}")] = (
        Entries()
    )
    """Its ports by name. 0 or `auto` is any free one; of a container, "8080:80" is its port 80, published here as 8080,
    and "auto:80" the same on any free one. It finds them in PORT (its `http` port, else its only one)
    and in NAME_PORT. Others write ${services.SERVICE.NAME} for host:port, and .host and .port behind that."""
    depends_on: Annotated[Entries[DependsOn], MapOf(Object(DependsOn), listed=True)] = Entries()
    """What must be there before it starts: a list of names, or a mapping with conditions."""
    healthcheck: Annotated[Healthcheck | None, Object(Healthcheck)] = None
    """How devctl learns that it is ready. Without one it counts as good when it runs."""
    liveness: Annotated[Healthcheck | None, Object(Healthcheck)] = None
    """A second check, which restarts an instance that fails it `retries` times in a row; `healthcheck` decides about
    traffic and dependents alone. It begins after the first success of that one."""
    front: bool = False
    """The relay holds its ports also where there is one instance, so that it is replaced and scaled without a gap, and
    faults can be put on its wire."""
    restart: Annotated[str, Choice(RESTARTS, also=r"on-failure:[0-9]{1,4}")] = ""
    """What happens when it ends by itself; `on-failure` unless given. A process that ends with 0 and is not to be
    restarted is completed. What is written here or in `deploy.restart_policy` holds from the first start on, and for
    jobs: who depends on it goes on waiting. Where nothing is written, one that ends before it was healthy, or a job
    that fails, has failed at once."""
    deploy: Annotated[Deploy | None, Object(Deploy)] = None
    """The number of instances, and restarts in detail."""
    profiles: tuple[Annotated[str, Text(NAME, "a name")], ...] = ()
    """It only starts when one of these profiles is active, or when it is asked for by name."""
    optional: bool = False
    """The stack counts as healthy without it."""
    run_as: Annotated[str, Choice(RUN_AS)] = "auto"
    """How it runs. `auto` takes the first that this machine can have: native, container, embedded. A service with an
    image runs as a process only if it has a `native` section."""
    watch: Annotated[tuple[Watch, ...], ListOf(Object(Watch, short="path"))] = ()
    """Files and folders whose change restarts it while the stack runs."""
    metrics: Annotated[str, Text(r"/[^\s]*", "a path that begins with /")] = ""
    """The path of its metrics; Prometheus scrapes it without more words."""
    page: PlainText = ""
    """The name of the port that `devctl open` shows."""
    telemetry: Annotated[str, Switch] = "on"
    """`off`: it gets no OTEL_* variables."""
    stop_signal: Annotated[str, Choice(SIGNALS)] = "SIGTERM"
    """The signal that asks it to stop."""
    stop_grace_period: Seconds | None = None
    """How long it may take to stop before it is killed. 10s unless given."""
    post_start: Annotated[tuple[Hook, ...], ListOf(Object(Hook))] = ()
    """Commands that run, one after the other, once an instance has been started and before it counts as such. One that
    fails ends the instance: its start has failed."""
    pre_stop: Annotated[tuple[Hook, ...], ListOf(Object(Hook))] = ()
    """Commands that run before an instance is asked to stop, not when it ends by itself or is killed. Together they and
    the stop have `stop_grace_period`; one that fails is told and the stop goes on."""
    volumes: tuple[Annotated[str, Mount()], ...] = ()
    """Mounts of its container, as in Compose: NAME:/path or ./path:/path, with :ro to read only. NAME is the folder
    ${volumes.NAME}, the same for a container and for a process."""
    pull_policy: Annotated[str, Choice(("missing", "if_not_present", "always", "never", "build"))] = "missing"
    """When its image is pulled; `missing` unless given. An image with `build` is never pulled: it is built where it is
    missing, by `devctl up --build`, and with `build` here at every `up` that finds a change."""
    user: PlainText = ""
    """The user of its container, as NAME, UID or UID:GID; the image's own unless given."""
    read_only: bool = False
    """Its container cannot write to its own file system, only to `volumes` and `tmpfs`."""
    tmpfs: Annotated[
        tuple[str, ...], ListOf(Text(r"/[^\s]*", "a path of the image, or PATH:OPTIONS"), single=True)
    ] = ()
    """Folders of its container that are kept in memory."""
    cap_add: tuple[Annotated[str, Text(CAPABILITY, "a capability such as NET_ADMIN", refers=False)], ...] = ()
    """Rights that its container has beside the engine's usual ones."""
    cap_drop: tuple[Annotated[str, Text(CAPABILITY, "a capability such as NET_RAW, or ALL", refers=False)], ...] = ()
    """Rights that its container does without; ALL is every one."""
    extra_hosts: tuple[Annotated[str, Text(r"[^\s:=]+[:=]\S+", "NAME:ADDRESS", refers=False)], ...] = ()
    """Further names that its container knows, as NAME:ADDRESS."""
    init: bool = False
    """A small init is the first process of its container, which passes signals on and reaps."""
    tty: bool = False
    """Its container has a terminal."""
    stdin_open: bool = False
    """The standard input of its container stays open."""
    shm_size: Bytes | None = None
    """The size of /dev/shm in its container."""
    mem_limit: Bytes | None = None
    """The most memory that its container may have."""
    cpus: Annotated[float | None, Decimal()] = None
    """The most cores that its container may use, such as 1.5."""
    ulimits: Annotated[Entries[Ulimit], MapOf(Object(Ulimit, short="soft"))] = Entries()
    """Limits of the processes in its container: a number, or {soft: N, hard: N}."""
    labels: Annotated[Entries[str | None], Variables()] = Entries()
    """Labels, for people and for other programs."""

    FOREIGN: ClassVar[dict[str, str]] = {
        "networks": "everything here shares one loopback network",
        "network_mode": "everything here shares one loopback network",
        "links": "write ${services.NAME.PORT} where the address is needed",
        "expose": "name the port under `ports`",
        "container_name": "an instance is called SERVICE.N",
        "privileged": "devctl gives no service more rights than you have",
        "scale": "write deploy: {replicas: N}",
        "logging": "every line is kept; see `logs` at the top level",
        "secrets": "use env_file with a file that git ignores, or pass_env",
        "configs": "a process reads its files from the project",
        "platform": "a process runs on this machine's platform",
        "develop": "use `watch`",
    }


class Volume(Section):
    """A folder for data that outlives runs; ${volumes.NAME} is its path."""


class Telemetry(Section):
    """The hub that takes traces and logs in."""

    enabled: bool = True
    """With false there is no hub; `telemetry: off` is the short form."""
    record: Bytes = 2 << 30
    """At most this much is kept of a run's traces; the oldest go first and are counted."""


class Logs(Section):
    """What is kept of the output."""

    record: Bytes = 256 << 20
    """At most this much per service; the oldest lines go first and are counted."""


class Exporter(Section):
    """A further place that spans are passed on to: one of `otlp` and `zipkin`."""

    otlp: Annotated[str, Text(URL, "an address such as http://host:4318", refers=True)] = ""
    """An address that takes OTLP over HTTP."""
    zipkin: Annotated[str, Text(URL, "an address such as http://host:9411", refers=True)] = ""
    """An address that takes Zipkin's JSON."""
    headers: Annotated[Entries[str | None], Variables()] = Entries()
    """Headers to send, such as a key."""


class Journey(Section):
    """How `devctl journey` finds one thing wherever it went."""

    attribute: PlainText
    """The span attribute that carries its id."""
    field: PlainText = ""
    """The field of log lines that carries it; the same as `attribute` unless given."""


class Manifest(Section):
    """A whole stack.yaml."""

    name: Annotated[
        str,
        Text(
            r"[a-z0-9][a-z0-9_-]{0,62}",
            "a name of lower-case letters, digits, - and _ that begins with a letter or digit",
        ),
    ] = ""
    """The name of the stack; the name of its folder unless given."""
    services: Annotated[Entries[Service], MapOf(Object(Service), pattern=NAME)]
    """What runs."""
    include: Annotated[tuple[Include, ...], ListOf(Object(Include, short="path"), single=True)] = ()
    """Further files whose services belong to the stack. A name may stand in one of them only; a later file (`-f`, or
    stack.override.yaml) changes what they bring."""
    volumes: Annotated[Entries[Volume] | None, MapOf(Object(Volume), pattern=NAME)] = None
    """The names of data folders. Where the key is given, only these may be used."""
    python: PlainText = ""
    """The Python that ${python} stands for. Without it $VIRTUAL_ENV, else .venv/bin/python beside the manifest,
    else python3 on the PATH."""
    pass_env: tuple[Annotated[str, Text(VARIABLE, "the name of a variable, or PREFIX_*")], ...] = ()
    """Variables of the command's environment that every service gets; PREFIX_* takes all that begin so."""
    telemetry: Annotated[Telemetry | str | None, OneOf(Switch, Object(Telemetry))] = None
    """`off` leaves the hub out; `{record: 2GiB}` caps what is kept."""
    logs: Annotated[Logs | None, Object(Logs)] = None
    """What is kept of the output."""
    exporters: Annotated[Entries[Exporter], MapOf(Object(Exporter), pattern=NAME)] = Entries()
    """Further places that spans are passed on to."""
    journeys: Annotated[Entries[Journey], MapOf(Object(Journey, short="attribute"), pattern=NAME)] = Entries()
    """What `devctl journey` can follow."""
    smoke: Annotated[Node | None, LaterSection("devctl.manifest.smoke", "Smoke")] = None
    """What `devctl smoke` proves of the running stack."""

    FOREIGN: ClassVar[dict[str, str]] = {
        "version": "it has no meaning any more; leave it out",
        "jobs": "nothing runs by a timetable here; a service that ends and `restart: no` is a job of every start",
        "networks": "everything here shares one loopback network",
        "secrets": "use env_file with a file that git ignores, or pass_env",
        "configs": "a process reads its files from the project",
    }
