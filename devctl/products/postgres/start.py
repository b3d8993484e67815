"""`python -m devctl.products.postgres.start`: becomes PostgreSQL, after its cluster and databases are made.

PostgreSQL refuses to run as root. Root therefore becomes another user inside a user namespace of this process alone:
nothing is added to the system, and the files stay root's own.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

from devctl.disk import replace_file
from devctl.products import secret
from devctl.tools import libraries

CLONE_NEWUSER = 0x10000000
INSIDE = 1000
STEP_SECONDS = 60.0


def main() -> None:
    """Make what is missing and become the server."""
    parser = argparse.ArgumentParser(prog="python -m devctl.products.postgres.start")
    parser.add_argument("--programs", required=True, type=Path, metavar="FOLDER")
    parser.add_argument("--home", required=True, type=Path)
    parser.add_argument("--port", required=True)
    parser.add_argument("--database", action="append", default=[])
    parser.add_argument("--setting", action="append", default=[], metavar="NAME=VALUE")
    arguments = parser.parse_args()
    if os.geteuid() == 0:
        step_down()
    os.environ.update(libraries.environment(arguments.programs / "postgres"))
    data, password = arguments.home / "data", arguments.home / "password"
    is_new = make_cluster(arguments.programs, data, password)
    make_databases(arguments.programs, data, arguments.home / "databases", arguments.database)
    if is_new:
        sync_behind()
    write_passfile(arguments.home / "pgpass", secret.password(password))
    argv = [str(arguments.programs / "postgres"), "-D", str(data), *_options(arguments.port, arguments.setting)]
    os.execv(argv[0], argv)  # noqa: S606


def _options(port: str, settings: list[str]) -> list[str]:
    defaults = [
        f"port={port}",
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "shared_buffers=32MB",
        "dynamic_shared_memory_type=mmap",
        "log_min_messages=warning",
        "log_checkpoints=off",
    ]
    return [word for setting in (*defaults, *settings) for word in ("-c", setting)]


def step_down() -> None:
    """Leave root behind in a user namespace; SystemExit with one clear line where the kernel forbids it."""
    user, group = os.geteuid(), os.getegid()
    can_leave = sys.platform == "linux" and ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER) == 0
    if not can_leave:
        raise SystemExit(
            "PostgreSQL refuses to run as root, and this system allows no user namespace: use another user"
        )
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{INSIDE} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{INSIDE} {group} 1")


def make_cluster(programs: Path, data: Path, password: Path) -> bool:
    """Make the database cluster unless it is complete; a half-made one is made anew. Tell whether it is new."""
    if (data / "postgresql.auto.conf").exists() and (data.parent / "made").exists():
        return False
    secret.password(password)
    if data.exists():
        shutil.rmtree(data)
    _run(
        str(programs / "initdb"), "-D", str(data), "-U", "postgres", "-A", "scram-sha-256",
        f"--pwfile={password}", "-E", "UTF8", "--locale=C", "--no-instructions", "--no-sync",
    )  # fmt: skip
    (data.parent / "made").touch()
    return True


def sync_behind() -> None:
    """Have the new cluster on disk soon, in a child, so that nobody waits for it."""
    if child := os.fork():
        os.waitpid(child, 0)
        return
    if os.fork() == 0:
        os.sync()
    os._exit(0)


def make_databases(programs: Path, data: Path, made: Path, names: list[str]) -> None:
    """Make the databases that this cluster does not have yet; their names are kept in the file `made`."""
    existing = made.read_text().split() if made.exists() else []
    for name in names:
        if name not in existing:
            statement = f"CREATE DATABASE {name}\n"  # a checked name: small letters, digits, _
            single = [str(programs / "postgres"), "--single", "-D", str(data), "-c", "fsync=off", "postgres"]
            _run(*single, text=statement)
            existing.append(name)
            made.write_text("\n".join(existing))


def write_passfile(file: Path, password: str) -> None:
    """Write libpq's password file, 0600 from its first moment."""
    replace_file(file, f"127.0.0.1:*:*:postgres:{password}\nlocalhost:*:*:postgres:{password}\n")


def _run(*argv: str, text: str = "") -> None:
    done = subprocess.run(
        argv, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=STEP_SECONDS, check=False
    )
    if done.returncode != 0 or "ERROR:" in done.stdout:
        raise SystemExit(f"{argv[0]} failed:\n{done.stdout[-2000:]}")


if __name__ == "__main__":
    main()
