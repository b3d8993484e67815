"""A check that is refused for want of credentials."""

from devctl.diagnosis.rules.answers import Answered, probe_rule

RULE = probe_rule(
    Answered(
        "probe-refused",
        r"^(?:401|403|407)\b",
        "{name} runs, but its check is not let in: {answer}",
        "Give its healthcheck the headers that it asks for, or a path that is open to all.",
    )
)
