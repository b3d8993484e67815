"""`python -I -S __main__.py RUNTIME_FOLDER`: the keeper process, with its lock as descriptor 3 and its
listening socket as 4 (see `start`)."""

import os
import socket
import sys


def main() -> None:
    """Hold the instances of one stack until told to end."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sys.path.append(root)  # last, so that nothing beside devctl stands in for the standard library
    from devctl.keeper import loop, start, system

    os.chdir("/")
    # What the starter had open is none of the instances' business.
    system.close_from(start.SOCKET_FD + 1)
    for fd in (start.LOCK_FD, start.SOCKET_FD):
        os.set_inheritable(fd, False)
    system.become_subreaper()
    system.raise_file_limit()
    listener = socket.socket(fileno=start.SOCKET_FD)
    listener.listen(start.BACKLOG)  # anew, so that clients are told that it is this process that they talk to
    loop.Keeper(sys.argv[1], listener).run()


if __name__ == "__main__":
    main()
