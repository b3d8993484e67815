"""A service that takes connections and does not answer."""

from devctl.diagnosis.rules.answers import USUAL_SECONDS, Answered, probe_rule

RULE = probe_rule(
    Answered(
        "hanging",
        r"^no answer within",
        "{name} takes connections but does not answer its check within {timeout}",
        "See what holds it up: `devctl logs {name}`, or its stack (py-spy dump, jstack); if it is only slow, raise the "
        "timeout of its healthcheck.",
        rank=32,
        is_intrinsic=False,
        patience_seconds=USUAL_SECONDS,
    )
)
