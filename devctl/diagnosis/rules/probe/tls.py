"""A service that speaks TLS to a check that does not, or the other way round."""

from devctl.diagnosis.rules.answers import Answered, probe_rule

RULE = probe_rule(
    Answered(
        "probe-tls",
        r"HTTP request (?:was sent )?to (?:an )?HTTPS|plain HTTP request|not HTTP: .{0,3}[\\x15\\x16\ufffd\x15\x16]",
        "{name} speaks TLS, but its check asks in plain HTTP: {answer}",
        "Let it serve plain HTTP on this machine, or check it with `tcp` or a command of its own.",
        rank=27,
    )
)
