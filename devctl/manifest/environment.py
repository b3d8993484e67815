"""Where variables come from: the command's environment, `.env`, env_file, and what of it a service may see."""

from __future__ import annotations

import fnmatch
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from devctl.manifest.files import read_text
from devctl.manifest.problems import Location, Problems
from devctl.manifest.reader import ProjectReader
from devctl.manifest.shapes.base import InvalidValue

HOST = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "LANG", "LANGUAGE", "LC_*", "TZ", "TMPDIR", "XDG_*",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS",
)  # fmt: skip
"""What every process gets of the command's environment. Nothing else leaks in."""
LONG_BLANKS = r"\s{100}"  # the parser's time grows with their square


def passed(environ: Mapping[str, str], patterns: Iterable[str]) -> dict[str, str]:
    """Return the variables whose names match one of the patterns."""
    listed = tuple(patterns)
    exact = {pattern: environ[pattern] for pattern in listed if pattern in environ}
    globs = [pattern for pattern in listed if pattern.endswith("*")]
    for name, value in environ.items() if globs else ():
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in globs):
            exact[name] = value
    return exact


def values_of(path: Path, name: str, reader: ProjectReader) -> dict[str, str]:
    """Return the variables of a file of NAME=VALUE lines, interpolated unless in single quotes; mistakes are noted."""
    text = read_text(path, name, reader.problems)
    values: dict[str, str] = {}
    for key, value, literal, line in _pairs(text or "", name, reader.problems):
        try:
            values[key] = (
                value if literal else reader.substitute(reader.resolve(value, Location(name, line, 1), values))
            )
        except InvalidValue:
            continue
    return values


def _pairs(text: str, name: str, problems: Problems) -> Iterator[tuple[str, str, bool, int]]:
    from dotenv.parser import parse_stream

    if re.search(LONG_BLANKS, text):
        problems.add(Location(name), "has more than a hundred blanks in a row: not a file of NAME=VALUE lines")
        return
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            problems.add(Location(name, binding.original.line, 1), "not a line of the form NAME=VALUE")
        elif binding.key is not None and binding.value is not None:
            literal = binding.original.string.partition("=")[2].lstrip().startswith("'")
            yield binding.key, binding.value, literal, binding.original.line
