"""Run a service's Alembic revisions, forward and back. The only module that imports Alembic."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection


def upgrade(connection: Connection, migrations: Path, to: str = "head") -> None:
    """Bring the schema forward."""
    _run(connection, migrations, to, lambda script, now: script._upgrade_revs(to, now))


def downgrade(connection: Connection, migrations: Path, to: str = "base") -> None:
    """Take the schema back."""
    _run(connection, migrations, to, lambda script, now: script._downgrade_revs(to, now))


def _run(connection: Connection, migrations: Path, to: str, steps: Any) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    script = ScriptDirectory.from_config(config)

    def plan(revision: Any, _context: Any) -> Iterable[Any]:
        revisions: Iterable[Any] = steps(script, revision)
        return revisions

    with EnvironmentContext(config, script, fn=plan, destination_rev=to) as environment:
        environment.configure(connection=connection, transactional_ddl=False)
        environment.run_migrations()
