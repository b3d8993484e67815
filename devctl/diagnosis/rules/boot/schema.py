"""A database whose tables are not those that the program wants, or a migration that failed."""

from devctl.diagnosis.rules.base import LineRule

RULE = LineRule(
    "schema",
    (
        r"no such (?:table|column): (?P<what>\S+)",
        r"relation \"?(?P<what>[\w.]+)\"? does not exist",
        r"column \"?(?P<what>[\w.]+)\"? (?:of relation \S+ )?does not exist",
        r"Table '(?P<what>[^']+)' doesn't exist",
        r"(?P<what>table \S+ already exists)",
        r"database \"(?P<what>[^\"]+)\" does not exist",
        r"Unknown database '(?P<what>[^']+)'",
        r"(?P<what>(?i:Can't locate revision|multiple head|migrations? (?:\S+ )?(?:failed|pending|mismatch"
        r"|out of date)).*)",
        r"(?P<what>(?i:dirty database version|schema version|checksum mismatch for migration).*)",
    ),
    "{name} does not get the tables that it wants: {what}",
    "Run the migrations of its database, or make a fresh one (`devctl down --volumes` deletes all data); then "
    "`devctl up {name}`.",
    rank=24,
)
