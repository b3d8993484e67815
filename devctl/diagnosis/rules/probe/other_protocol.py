"""A service that answers in another protocol than its check speaks."""

from devctl.diagnosis.rules.answers import Answered, probe_rule

RULE = probe_rule(
    Answered(
        "probe-protocol",
        r"^not HTTP|^not the answer of",
        "{name} answers, but not in the protocol of its check ({check}): {answer}",
        "Check it with `tcp`, or name the port that speaks the protocol of the check.",
        rank=29,
    )
)
