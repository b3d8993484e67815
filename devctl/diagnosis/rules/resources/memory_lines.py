"""Memory that the program did not get."""

from devctl.diagnosis.rules.base import LineRule

RULE = LineRule(
    "out-of-memory",
    (
        r"(?P<what>\bMemoryError\b)",
        r"(?P<what>[Cc]annot allocate memory)",
        r"(?P<what>(?:java\.lang\.)?OutOfMemoryError.*)",
        r"(?P<what>JavaScript heap out of memory)",
        r"(?P<what>std::bad_alloc)",
        r"(?P<what>(?i:\bout of memory\b))",
        r"(?P<what>fatal error: runtime: out of memory)",
    ),
    "{name} gets no more memory: {what}",
    "Raise its limit of memory (ulimit -v, -Xmx, mem_limit), or find what it holds: `devctl status` shows its memory.",
    rank=10,
    needs_trouble=False,
    enough=3,
)
