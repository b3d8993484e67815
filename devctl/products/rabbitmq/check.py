"""`python -m devctl.products.rabbitmq.check`: asks RabbitMQ's own diagnostics whether the node runs and takes messages.

While nobody listens on the broker's port the answer is known without them: each question starts an Erlang VM.
"""

from __future__ import annotations

import os
import socket

from devctl.products.rabbitmq.node import node_of, parser

QUESTION = "check_local_alarms"
"""Fails also while the node is not up, and once it blocks publishers for want of memory or disk."""


def main() -> None:
    """Exit with 1 while nobody listens, else become the diagnostics."""
    arguments = parser("python -m devctl.products.rabbitmq.check")
    arguments.add_argument("--broker", required=True, type=int, metavar="PORT")
    options = arguments.parse_args()
    try:
        socket.create_connection(("127.0.0.1", options.broker), 1.0).close()
    except OSError as error:
        raise SystemExit(f"nobody listens on port {options.broker} yet ({error.strerror or error})") from None
    node = node_of(options)
    program = str(node.programs / "rabbitmq-diagnostics")
    os.execve(program, [program, "-q", QUESTION], node.environment())  # noqa: S606


if __name__ == "__main__":
    main()
