"""A broker that lacks a topic which it was told to have."""

from devctl.diagnosis.rules.answers import Answered, probe_rule

RULE = probe_rule(
    Answered(
        "topic-missing",
        r"^no topic (?P<topic>.+?) yet",
        "{name} runs, but has no topic {topic}",
        "Declare it under `with: topics:` of {name}, or see in `devctl logs {name}` why it was not made.",
    )
)
