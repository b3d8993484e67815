"""A check of a port that the service does not declare."""

from devctl.diagnosis.rules.answers import Answered, probe_rule

RULE = probe_rule(
    Answered(
        "probe-port",
        r"has no port",
        "the check of {name} names a port that it does not have: {answer}",
        "Name the port under `ports` of {name}, or correct the port of its healthcheck.",
    )
)
