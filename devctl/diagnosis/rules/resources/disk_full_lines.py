"""A write that found no room."""

from devctl.diagnosis.rules.base import LineRule

RULE = LineRule(
    "disk-full",
    (
        r"(?P<what>[Nn]o space left on device)",
        r"(?P<what>ENOSPC)",
        r"(?P<what>[Dd]isk quota exceeded)",
        r"(?P<what>database or disk is full)",
        r"(?P<what>(?i:disk(?: is)? full|not enough (?:disk )?space|out of disk space|no free space))",
        r"(?P<what>\[Errno 27\] File too large)",
    ),
    "{name} finds no room on its disk: {what}",
    "Make room where it writes (`devctl prune` deletes past runs; `df` shows the disks), or raise its limit; then "
    "`devctl restart {name}`.",
    rank=10,
    needs_trouble=False,
    enough=3,
)
