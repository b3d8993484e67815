"""Where variables come from: the command's environment, `.env`, env_file, and what of it a service may see."""

from __future__ import annotations

import fnmatch
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

from devctl.manifest.document import MAX_BYTES, decode
from devctl.manifest.problems import Place, Problems

HOST = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "LANG", "LANGUAGE", "LC_*", "TZ", "TMPDIR", "XDG_*",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS",
)  # fmt: skip
"""What every process gets of the command's environment. Nothing else leaks in."""


def passed(environ: Mapping[str, str], patterns: Iterable[str]) -> dict[str, str]:
    """Return the variables whose names match one of the patterns."""
    wanted = tuple(patterns)
    exact = {name: environ[name] for name in wanted if name in environ}
    globs = [pattern for pattern in wanted if pattern.endswith("*")]
    for name, value in environ.items():
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in globs):
            exact[name] = value
    return exact


def read_file(path: Path, name: str, problems: Problems, *, required: bool = True) -> list[tuple[str, str, bool]]:
    """Return the (name, value, literal) of a file of NAME=VALUE lines; literal = in single quotes.

    What is wrong with the file is noted; a missing one is no mistake unless `required`.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        if required:
            problems.add(
                Place(name), "no such file", hint="write env_file: {path: …, required: false} if it may be missing"
            )
        return []
    except OSError as error:
        problems.add(Place(name), f"cannot be read: {error.strerror}")
        return []
    if len(raw) > MAX_BYTES:
        problems.add(Place(name), f"is larger than {MAX_BYTES >> 20} MiB")
        return []
    text = decode(raw, name, problems)
    return [] if text is None else _pairs(text, name, problems)


def _pairs(text: str, name: str, problems: Problems) -> list[tuple[str, str, bool]]:
    from dotenv.parser import parse_stream

    pairs = []
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            problems.add(Place(name, binding.original.line, 1), "not a line of the form NAME=VALUE")
        elif binding.key is not None and binding.value is not None:
            literal = binding.original.string.partition("=")[2].lstrip().startswith("'")
            pairs.append((binding.key, binding.value, literal))
    return pairs
