"""One RabbitMQ node of a stack: the environment in which its programs run, and the Erlang that they run on."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

from devctl.tools import libraries

NAME = "rabbit@localhost"
LOOPBACK = "-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false"
"""Erlang's own network between node and tools: on loopback alone, and without an epmd that nobody would stop."""
ERL = """#!/bin/sh
# Debian's own `erl` has the folder that it is installed in written into it.
exec "$BINDIR/erlexec" "$@"
"""


@dataclass(frozen=True, slots=True)
class Node:
    """Where a node's programs and data lie, and the ports of its Erlang."""

    programs: Path
    home: Path
    epmd_port: int
    distribution_port: int

    def environment(self) -> dict[str, str]:
        """Return the whole environment of the node's programs. Nothing of the system's configuration is read."""
        home = str(self.home)
        path = os.environ.get("PATH", "/usr/bin:/bin")
        return {
            **os.environ,
            **libraries.environment(self.programs / "rabbitmq-server"),
            **self._erlang(),
            "PATH": f"{home}/bin:{path}",
            "HOME": home,  # where Erlang keeps its cookie
            "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": NAME,
            "RABBITMQ_DIST_PORT": str(self.distribution_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": LOOPBACK,
            "RABBITMQ_CTL_ERL_ARGS": LOOPBACK,
            "RABBITMQ_CONF_ENV_FILE": f"{home}/rabbitmq-env.conf",
            "RABBITMQ_CONFIG_FILES": f"{home}/conf.d",
            "RABBITMQ_CONFIG_FILE": f"{home}/rabbitmq",
            "RABBITMQ_ADVANCED_CONFIG_FILE": f"{home}/advanced.config",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{home}/enabled_plugins",
            "RABBITMQ_MNESIA_BASE": f"{home}/mnesia",
            "RABBITMQ_LOG_BASE": f"{home}/log",
            "RABBITMQ_LOGS": "-",
        }

    def _erlang(self) -> dict[str, str]:
        """Return what an Erlang that was unpacked beside the broker has to be told; empty for an installed one."""
        root = self.erlang_root()
        if root is None:
            return {}
        return {"ROOTDIR": str(root), "BINDIR": str(self.emulator_folder(root)), "EMU": "beam", "PROGNAME": "erl"}

    def erlang_root(self) -> Path | None:
        """Return the folder of the Erlang that lies beside the broker, None where the system's is to be used."""
        root = libraries.root_of(self.programs)
        erlang = root / "usr" / "lib" / "erlang" if root else None
        return erlang if erlang and erlang.is_dir() else None

    @staticmethod
    def emulator_folder(erlang: Path) -> Path:
        """Return the folder of Erlang's virtual machine; SystemExit where there is none."""
        for folder in sorted(erlang.glob("erts-*/bin")):
            return folder
        raise SystemExit(f"{erlang} holds no Erlang: `devctl tools remove rabbitmq`, then start it again")

    def epmd(self) -> str:
        """Return the program that tells Erlang's nodes their ports."""
        root = self.erlang_root()
        return str(self.emulator_folder(root) / "epmd") if root else "epmd"


def parser(prog: str) -> argparse.ArgumentParser:
    """Return a parser of the arguments that name a node."""
    arguments = argparse.ArgumentParser(prog=prog)
    arguments.add_argument("--programs", required=True, type=Path, metavar="FOLDER")
    arguments.add_argument("--home", required=True, type=Path)
    arguments.add_argument("--epmd", required=True, type=int, metavar="PORT")
    arguments.add_argument("--distribution", required=True, type=int, metavar="PORT")
    return arguments


def node_of(options: argparse.Namespace) -> Node:
    """Return the node that parsed arguments name."""
    return Node(options.programs, options.home, options.epmd, options.distribution)
