"""A service that listens, but not where it is asked."""

from devctl.diagnosis.rules.answers import Answered, probe_rule

RULE = probe_rule(
    Answered(
        "wrong-port",
        r"refused.*listens on (?P<where>.+)$",
        "{name} listens on {where}, not where its check asks ({check})",
        "Let it listen on the port it gets ($PORT, or `ports` in the manifest), or correct the port of its "
        "healthcheck.",
        rank=28,
    )
)
