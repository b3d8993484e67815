"""A check that the service itself answers with an error."""

from devctl.diagnosis.rules.answers import USUAL_SECONDS, Answered, probe_rule

RULE = probe_rule(
    Answered(
        "not-ready",
        r"^(?:5\d\d|4(?!0[13457]\b|10\b)\d\d)\b",
        "{name} says itself that it is not ready: {answer}",
        "Read what it answers and its last lines (`devctl logs {name}`): it says what it lacks.",
        rank=33,
        is_intrinsic=False,
        patience_seconds=USUAL_SECONDS,
    )
)
