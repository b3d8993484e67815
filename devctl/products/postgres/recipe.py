"""PostgreSQL: one server on loopback, with a password of its own and the declared databases."""

from __future__ import annotations

import re
from dataclasses import dataclass

from devctl.core.checks import LogCheck
from devctl.core.spec import Port, Variant, placeholder
from devctl.core.status import Kind
from devctl.products.base import Context, Product, Recipe
from devctl.products.postgres.tools import TOOLS

DATABASE = re.compile(r"[a-z_][a-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True)
class Settings:
    """`with:` of PostgreSQL."""

    databases: tuple[str, ...] = ()
    """Databases that are there when it is healthy. Their owner is `postgres`; its password is in the file
    `${volumes.NAME}/pgpass`, which clients take as `?passfile=` in their URL."""
    settings: tuple[str, ...] = ()
    """Further settings, `name=value` each."""


def native(settings: Settings, context: Context) -> Variant:
    """Return the real PostgreSQL; ValueError for a name that cannot be a database's."""
    if wrong := [name for name in settings.databases if not DATABASE.fullmatch(name)]:
        raise ValueError(f"databases: {wrong[0]!r} cannot be a name; small letters, digits and _")
    home = context.data
    program = placeholder("tools.postgres")
    port = placeholder(f"services.{context.service}.postgres.port")
    return Variant(
        name="native",
        kind=Kind.PROCESS,
        argv=(
            context.python, "-m", "devctl.products.postgres.start",
            "--programs", program, "--home", home, "--port", port,
            *(f"--database={name}" for name in settings.databases),
            *(f"--setting={setting}" for setting in settings.settings),
        ),
        working_dir=home,
        check=LogCheck(pattern=r"database system is ready to accept connections"),
        folders=(home,),
        tools=("postgres",),
    )  # fmt: skip


PRODUCT = Product(
    name="postgres",
    summary="PostgreSQL",
    settings=Settings,
    compose_settings={"POSTGRES_DB": "databases", "POSTGRESQL_DATABASE": "databases"},
    example={"databases": ["orders", "users"], "settings": ["max_connections=200"]},
    ports=(Port("postgres", 5432),),
    variants={"native": Recipe(native)},
    images=(r"(.*/)?(postgres|postgresql)",),
    tools=TOOLS,
    remedy="install devctl's extra `native`, or PostgreSQL 13 or newer",
    stop_signal="SIGINT",
)
