"""Files or connections that the program was not allowed to open any more."""

from devctl.diagnosis.rules.base import LineRule

RULE = LineRule(
    "too-many-files",
    (
        r"(?P<what>[Tt]oo many open files(?: in system)?)",
        r"(?P<what>\bEMFILE\b)",
        r"(?P<what>\bENFILE\b)",
        r"(?P<what>can't start new thread)",
        r"(?P<what>(?i:unable to create (?:native )?thread))",
        r"(?P<what>(?i:inotify watch limit|no space left for inotify"
        r"|System limit for number of file watchers reached))",
    ),
    "{name} may open no more files or threads: {what}",
    "Raise the limit (`ulimit -n` before `devctl up`; fs.inotify.max_user_watches for watches), or find what it "
    "does not "
    "close; then `devctl restart {name}`.",
    rank=9,
    needs_trouble=False,
    enough=3,
)
