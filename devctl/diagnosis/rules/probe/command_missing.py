"""A check whose command cannot be run."""

from devctl.diagnosis.rules.answers import Answered, probe_rule

RULE = probe_rule(
    Answered(
        "probe-command",
        r"^(?:no such file or directory|permission denied|exit code 12[67]\b|OCI runtime exec failed)",
        "{name} runs, but {check}, which is its check, cannot be run: {answer}",
        "Install the program that its healthcheck calls, or correct the command; `devctl health {name}` asks again.",
    )
)
