"""A check of a path that the service does not have."""

from devctl.diagnosis.rules.answers import Answered, probe_rule

RULE = probe_rule(
    Answered(
        "probe-path",
        r"^(?:404|405|410)\b",
        "{name} runs, but its check asks for {path}, which it does not have: {answer}",
        "Correct the path of its healthcheck to one that it has; `devctl health {name}` asks again.",
    )
)
