"""Connections of a pool or a server that are all in use."""

from devctl.diagnosis.rules.base import LineRule

RULE = LineRule(
    "too-many-connections",
    (
        r"(?P<what>(?i:too many (?:clients|connections)).*)",
        r"(?P<what>(?i:remaining connection slots are reserved).*)",
        r"(?P<what>QueuePool limit of size .*)",
        r"(?P<what>(?i:(?:connection )?pool (?:is |was )?(?:exhausted|full|timed? ?out)).*)",
        r"(?P<what>(?i:timeout|timed out)[\w ]* (?i:acquiring|waiting for|getting)[\w ]* connection.*)",
        r"(?P<what>max number of clients reached)",
        r"(?P<what>PoolTimeout.*)",
        r"(?P<what>Cannot assign requested address)",
    ),
    "{name} gets no further connection: {what}",
    "Find what holds them (`devctl traces --service {name} --min-duration 1s`), raise the pool's or the server's "
    "limit, "
    "or close what is done; then `devctl restart {name}`.",
    rank=11,
    needs_trouble=False,
    enough=3,
)
