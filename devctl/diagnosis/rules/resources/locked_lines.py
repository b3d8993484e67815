"""A database that somebody else holds locked."""

from devctl.diagnosis.rules.base import LineRule

RULE = LineRule(
    "database-locked",
    (
        r"(?P<what>database (?:table )?is locked.*)",
        r"(?P<what>SQLITE_BUSY.*)",
        r"(?P<what>(?i:lock wait timeout exceeded).*)",
        r"(?P<what>(?i:deadlock (?:detected|found)).*)",
        r"(?P<what>(?i:canceling statement due to (?:lock|statement) timeout).*)",
        r"(?P<what>(?i:could not obtain lock|lock (?:is )?already held|could not acquire lock"
        r"|another process is using).*)",
    ),
    "{name} waits for a lock on its database: {what}",
    "Find who holds the lock (`fuser` on the database's file, pg_stat_activity on PostgreSQL) and end it; {name} "
    "then goes "
    "on by itself.",
    rank=12,
    needs_trouble=False,
    enough=5,
)
