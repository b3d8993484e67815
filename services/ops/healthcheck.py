"""Ask the service of this container whether it is ready: `python -m services.ops.healthcheck`, 0 when it is, else 1."""

import os
import sys
import urllib.error
import urllib.request

from services import PORTS

_MONOLITH_PORT = 8090


def main() -> int:
    """Return the exit code."""
    port = os.environ.get("PORT") or PORTS.get(os.environ.get("SERVICE", ""), _MONOLITH_PORT)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=2) as answer:
            return 0 if answer.status == 200 else 1
    except (urllib.error.URLError, TimeoutError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
