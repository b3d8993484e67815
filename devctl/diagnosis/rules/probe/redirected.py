"""A check that is sent elsewhere, while only other statuses count."""

from devctl.diagnosis.rules.answers import Answered, probe_rule

RULE = probe_rule(
    Answered(
        "probe-redirect",
        r"^3\d\d\b",
        "{name} runs, but its check is redirected, which does not count as good: {answer}",
        "Name the path that answers at once in its healthcheck, or the status that it may answer.",
    )
)
