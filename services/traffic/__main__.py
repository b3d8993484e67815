"""Send shoppers to the shop: `python -m services.traffic`.

Locust changes the standard library of its process, so it lives in an environment of its own, .venv-traffic
(`make traffic` makes it); this module only finds it, says what it shall do, and becomes it.
"""

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from services.common.runtime.settings import Environment

JOURNEYS = Path(__file__).with_name("journeys.py")
_HOME = Path(__file__).parents[2]
_MISSING = (
    "services.traffic: Locust is not installed. `make traffic` installs it into .venv-traffic; by hand:\n"
    "  python3 -m venv .venv-traffic && .venv-traffic/bin/pip install 'locust>=2.47,<3'"
)
# What a script that starts this can tell apart: the environment lacks something.
_NOT_INSTALLED = 3


def python() -> str | None:
    """Return a Python that has Locust: this one, or that of the environment beside the code."""
    if find_spec("locust"):
        return sys.executable
    beside = _HOME / ".venv-traffic" / "bin" / "python"
    return str(beside) if beside.exists() else None


def arguments(env: Environment) -> Sequence[str]:
    """Write Locust's command line from GATEWAY_URL, TRAFFIC_USERS, _SPAWN_RATE, _SECONDS, _WEB and PORT."""
    common = [
        f"--locustfile={JOURNEYS}",
        f"--host={env.text('GATEWAY_URL', 'http://127.0.0.1:8080')}",
        f"--users={env.whole('TRAFFIC_USERS', 10)}",
        f"--spawn-rate={env.number('TRAFFIC_SPAWN_RATE', 2.0)}",
        "--loglevel=WARNING",
        # A payment that is declined on purpose is no failure of the run; neither is a shop that is being killed.
        "--exit-code-on-error=0",
    ]
    seconds = env.whole("TRAFFIC_SECONDS", 0)
    limit = [f"--run-time={seconds}s"] if seconds else []
    if env.switch("TRAFFIC_WEB"):
        return [*common, *limit, "--autostart", "--web-host=127.0.0.1", f"--web-port={env.whole('PORT', 8089)}"]
    return [*common, *limit, "--headless", "--only-summary"]


def main() -> None:
    """Become Locust."""
    program = python()
    if program is None:
        sys.stderr.write(_MISSING + "\n")
        sys.exit(_NOT_INSTALLED)
    os.execv(program, [program, "-m", "locust", *arguments(Environment())])  # noqa: S606


if __name__ == "__main__":
    main()
