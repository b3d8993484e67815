"""Builds by `docker buildx`, and reads from its plain progress how far it is and what went wrong."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from collections import deque
from collections.abc import Iterable

from devctl.engine.base import Engine
from devctl.engine.builder import LAST_LINES, Failure, How, Report
from devctl.engine.context import BuildContext
from devctl.engine.images import Progress

_ANSWER_SECONDS = 10.0  # to say its version, on a machine under load
_STEP = re.compile(r"#\d+ \[(?!internal\b)([^\]]*)\] (.+)")
_OUTPUT = re.compile(r"#\d+ \d+\.\d+ (.*)")
_LOCATION = re.compile(r"\S*?:(\d+)")
_POINTED = re.compile(r"\s*\d+ \| >>> (.*)")
_ENDED = re.compile(r'process "(?:/bin/sh -c )?(.*)" did not complete successfully: exit code: (\d+)')


@functools.lru_cache(maxsize=4)
def _has_buildx(program: str) -> bool:
    try:
        answer = subprocess.run(
            [program, "buildx", "version"], capture_output=True, check=False, timeout=_ANSWER_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0


def find(engine: Engine) -> str:
    """Return the `docker` that builds with BuildKit on this engine, empty where there is none."""
    program = shutil.which("docker")
    return program if program and engine.name == "Docker" and _has_buildx(program) else ""


def build(program: str, engine: Engine, context: BuildContext, how: How, report: Report) -> Failure | None:
    """Build, and return what went wrong."""
    environ = {**os.environ, **context.build.args, "DOCKER_HOST": engine.address.url}
    with context.archive() as archive, subprocess.Popen(
        [program, *_arguments(context, how)], env=environ, stdin=archive, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace",
    ) as child:  # fmt: skip
        assert child.stdout is not None
        try:
            failure = follow(child.stdout, report)
        except BaseException:
            child.terminate()
            raise
    return failure if child.returncode else None


def _arguments(context: BuildContext, how: How) -> list[str]:
    order = context.build
    named = {"--target": order.target, "--network": order.network}
    return [
        *("buildx", "build", "--progress=plain", "--load", "-t", order.image, "-f", context.name_inside),
        *(word for name in order.args for word in ("--build-arg", name)),  # their values stay out of the process list
        *(word for name, value in how.labels for word in ("--label", f"{name}={value}")),
        *(word for flag, value in named.items() if value for word in (flag, value)),
        *(("--no-cache",) if how.force else ()),
        "-",  # the archive comes by its standard input, so that what is sent is what the digest is of
    ]


def follow(lines: Iterable[str], report: Report) -> Failure:
    """Report the steps that go by; return what the last lines say, for the case that it fails."""
    output, line_number, step, error = deque[str](maxlen=LAST_LINES), 0, "", ""
    for raw in lines:
        line = raw.rstrip()
        if match := _STEP.fullmatch(line):
            report(Progress(f"step {match[1]}: {match[2]}"))
        elif match := _OUTPUT.fullmatch(line):
            output.append(match[1])
        elif match := _POINTED.fullmatch(line):
            step = step or match[1]
        elif match := _LOCATION.fullmatch(line):
            line_number = int(match[1])
        elif line.startswith("ERROR: "):
            error = line.removeprefix("ERROR: ").removeprefix("failed to build: ").removeprefix("failed to solve: ")
    if match := _ENDED.search(error):
        error = f"returned a non-zero code: {match[2]}"
    return Failure(
        error or (output[-1] if output else "buildx failed without a word"), step, line_number, tuple(output)
    )
