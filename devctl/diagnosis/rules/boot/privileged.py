"""A program that refuses to run as this user, or on this machine."""

from devctl.diagnosis.rules.base import LineRule

RULE = LineRule(
    "environment",
    (
        r"(?P<what>(?i:must not|cannot|refus\w+ to|should not|don't) (?:be )?run(?:ning)? as root.*)",
        r"(?P<what>(?i:must be (?:run as )?root|requires? root).*)",
        r"(?P<what>(?i:requires?|needs) (?:Python|Node|Java|JDK|JRE|Go|Ruby) ?[<>=]*\s*v?\d[\w.]*.*)",
        r"(?P<what>UnsupportedClassVersionError.*)",
        r"(?P<what>exec format error.*)",
    ),
    "{name} does not run here: {what}",
    "Give it what it asks for, or the version that it wants; then `devctl up {name}`. `devctl doctor` shows this "
    "machine.",
    rank=25,
)
