"""etcd: where it comes from. Data only."""

from devctl.tools.entry import DebianPackages, Entry, Program
from devctl.tools.versions import Range

ETCD = Entry(
    name="etcd",
    summary="etcd",
    sources=("path", "cache", "debian"),
    on_path=Program(
        names=("etcd",),
        ask=("--version",),
        pattern=r"etcd Version: (\S+)",
        ranges=(Range((3, 4), (4,)),),  # from 3.4 on with a log level, and with the JSON gateway at /v3
    ),
    debian=DebianPackages(("etcd-server", "etcd"), bytes=9_000_000),  # the older name is a suite's before bookworm
    remedy="install etcd 3.4 or newer",
)
TOOLS = (ETCD,)
