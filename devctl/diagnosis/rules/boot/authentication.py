"""A user, password, token or certificate that the other side refuses."""

from devctl.diagnosis.rules.base import LineRule

RULE = LineRule(
    "authentication",
    (
        r"password authentication failed for user \"(?P<what>[^\"]+)\"",
        r"Access denied for user '(?P<what>[^']+)'",
        r"role \"(?P<what>[^\"]+)\" does not exist",
        r"(?P<what>(?:WRONGPASS|NOAUTH)\b.*)",
        r"ACCESS_REFUSED.*user '(?P<what>[^']+)'",
        r"(?i:sasl|authentication)(?: \w+)? (?i:failed|failure|error)(?P<what>)",
        r"(?i:invalid (?:credentials|api key|username or password)|bad credentials|login failed|authentication failed)"
        r"(?P<what>)",
    ),
    "{name} is refused for its credentials {what}",
    "Correct user and password in the environment of {name} (`devctl env {name} --reveal` shows them); then "
    "`devctl up {name}`.",
    rank=22,
)
