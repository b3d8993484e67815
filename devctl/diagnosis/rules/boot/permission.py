"""Something that the program may not read, write, run or listen on."""

from devctl.diagnosis.rules.base import LineRule

RULE = LineRule(
    "permission",
    (
        r"PermissionError: \[Errno \d+\] (?:Permission denied|Operation not permitted)(?:: '(?P<what>[^']+)')?",
        r"(?:open|mkdir|bind|listen|access)\S* (?P<what>\S+?): (?:bind: )?permission denied",
        r"EACCES:? permission denied,? ?\w* ?'?(?P<what>[^']*)'?",
        r"(?P<what>/[^\s:'\"]+)['\"]?: (?i:permission denied)",
        r"AccessDeniedException: (?P<what>\S+)",
        r"attempt to write a (?P<what>readonly) database",
        r"(?P<what>[Rr]ead-only file system)",
        r"(?i:permission denied)[: ]*['\"]?(?P<what>/[^\s'\"]*)?",
    ),
    "{name} is not allowed to use {what}: permission denied",
    "Let this user use it (owner and mode of the file or folder; ports below 1024 need rights), or name another "
    "one; then "
    "`devctl up {name}`.",
    rank=21,
)
