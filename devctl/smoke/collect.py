"""pytest for smoke runs: that it is there, that what was chosen exists, and one run of it in this process."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from devctl.errors import EnvironmentProblem, UsageError
from devctl.text import listing, nearest

if TYPE_CHECKING:
    from devctl.manifest.smoke import Smoke


def require_pytest() -> None:
    """Raise EnvironmentProblem where pytest is not installed."""
    import importlib.util

    if importlib.util.find_spec("pytest") is None:
        raise EnvironmentProblem(
            "`devctl smoke` needs pytest, which is not installed", next="Install it: pip install 'devctl[smoke]'."
        )


def not_spread() -> UsageError:
    """Return the refusal of pytest-xdist."""
    return UsageError(
        "checks are not spread over processes: they share one stack, and each watches what the others do",
        next="Leave `-n` and `--dist` away; a suite's name or `-k` chooses some of the checks.",
    )


def check_suites(smoke: Smoke, chosen: Sequence[str]) -> None:
    """Raise UsageError for a suite that is not there: nothing would be checked, and all be green."""
    suites = {*(check.suite for check in smoke.checks), "tests", "contract"}
    for name in chosen:
        if name not in suites:
            near = nearest(name, suites)
            hint = f"Did you mean {near}?" if near else f"There are {listing(sorted(suites))}."
            raise UsageError(f"no suite {name!r}", next=hint)


CONFIGURATION = Path(__file__).parent / "pytest.ini"


def run_pytest(plugin: object, folder: Path, tests: str, arguments: Sequence[str]) -> bool:
    """Run pytest in this process with our items and the project's own; return whether it was interrupted.

    Its own report is left out unless it is asked for with `-v`: the outcomes are shown as they come. Plug-ins are
    those that are named, with `-p` among the arguments or in the folder's pytest.ini.
    """
    import pytest

    folder_of_tests = folder / tests
    with tempfile.TemporaryDirectory(prefix="devctl-smoke") as nothing:
        where = folder_of_tests if folder_of_tests.is_dir() else Path(nothing)
        settings = folder_of_tests / "pytest.ini"
        configuration = settings if settings.is_file() else CONFIGURATION
        quiet = [] if any(argument.startswith("-v") for argument in arguments) else ["-p", "no:terminal"]
        options = [
            "-c", str(configuration), "--rootdir", str(where), "--confcutdir", str(where), "-p", "no:cacheprovider",
            "-p", "no:randomly", "--import-mode=importlib", *quiet, *arguments, str(where),
        ]  # fmt: skip
        output = io.StringIO()
        os.environ.pop("PYTEST_ADDOPTS", None)  # of the project's other tests; those of checks are `--pytest`
        os.environ.setdefault("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # seconds, where there are many of them
        with contextlib.redirect_stdout(output):
            code = pytest.main(options, plugins=[plugin])
    if getattr(plugin, "is_spread", False):
        raise not_spread()
    if code in (pytest.ExitCode.INTERNAL_ERROR, pytest.ExitCode.USAGE_ERROR):
        raise UsageError(f"pytest could not run the checks (exit code {code:d})", next=output.getvalue()[-2_000:])
    return code == pytest.ExitCode.INTERRUPTED and not getattr(plugin, "is_lost", False)
