"""A file or folder that is not where the program looks for it."""

from devctl.diagnosis.rules.base import LineRule

RULE = LineRule(
    "file-missing",
    (
        r"FileNotFoundError: \[Errno 2\] No such file or directory: '(?P<what>[^']+)'",
        r"(?:can't open file|cannot open|could not open|failed to open|can't open) ['\"]?(?P<what>[^'\": ]+)['\"]?"
        r".*No such file",
        r"ENOENT: no such file or directory,? \w+ '(?P<what>[^']+)'",
        r"open (?P<what>[^: ]+): no such file or directory",
        r"(?P<what>/[^\s:'\"]+)['\"]?: No such file or directory",
        r"(?i:unable to access jarfile|invalid or corrupt jarfile) (?P<what>\S+)",
        r"NoSuchFileException: (?P<what>\S+)",
        r"(?i:config(?:uration)?|settings?) file not found:? ['\"]?(?P<what>[^'\" ]+)",
        r"No such file or directory: '(?P<what>[^']+)'",
    ),
    "{name} finds no {what}",
    "Put the file there, or correct its path in the command, environment or working_dir of {name}; "
    "then `devctl up {name}`.",
    rank=23,
)
