"""A program whose source cannot be read."""

from devctl.diagnosis.rules.base import LineRule

RULE = LineRule(
    "syntax-error",
    (
        r"(?P<what>(?:SyntaxError|IndentationError|TabError): .+)",
        r"(?P<what>Unexpected token .+)",
        r"(?P<what>syntax error(?: near| at|,).+)",
    ),
    "{name} does not start, since its source has a mistake: {what}",
    "Mend the file and line that its last lines name; then `devctl up {name}`.",
    rank=22,
)
