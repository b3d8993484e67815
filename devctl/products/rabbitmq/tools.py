"""RabbitMQ: where it comes from. Data only."""

from devctl.tools.entry import DebianPackages, Entry, Program
from devctl.tools.versions import Range

RABBITMQ = Entry(
    name="rabbitmq",
    summary="RabbitMQ, as a folder of programs",
    sources=("path", "cache", "debian"),
    on_path=Program(
        names=("rabbitmq-server",),
        ask=(),  # whatever it is told, it starts the server; its folder has the version in its name
        pattern=r"rabbitmq(?:_server-|/)(\d+(?:\.\d+)+)",
        ranges=(Range((3, 8), (5,)),),  # from 3.8 on with the plug-in for Prometheus
        folders=(
            "/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin",
            "/opt/rabbitmq_server-*/sbin",
            "/opt/homebrew/opt/rabbitmq/sbin",
        ),
    ),
    program="usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server",
    is_folder=True,
    # An Erlang of the system would not be looked for where the broker is unpacked.
    debian=DebianPackages(("rabbitmq-server",), together=("erlang-*",), bytes=34_000_000),
    remedy="install RabbitMQ 3.8 or newer with its Erlang",
)
TOOLS = (RABBITMQ,)
