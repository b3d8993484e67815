"""A shared library of the system that the program needs."""

from devctl.diagnosis.rules.base import LineRule

RULE = LineRule(
    "library-missing",
    (
        r"error while loading shared libraries: (?P<what>[^:]+)",
        r"(?P<what>[\w./+-]+\.so[\w.]*): cannot open shared object file",
        r"version `(?P<what>GLIBC[\w_.]+)' not found",
    ),
    "{name} lacks the system's library {what}",
    "Install the package that has {what}, or get a build for this system; then `devctl up {name}`.",
    rank=19,
)
