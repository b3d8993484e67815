"""A configuration file or option that the program cannot read, with the line where it says one."""

from devctl.diagnosis.rules.base import LineRule

RULE = LineRule(
    "configuration",
    (
        r"(?P<what>(?:yaml|tomllib|toml|json|configparser|ruamel)[\w.]*\.\w*Error: .+)",
        r"(?P<what>(?:JSONDecodeError|TOMLDecodeError|MissingSectionHeaderError|ParsingError|ScannerError|ParserError)\b.*)",
        r"(?P<what>(?i:(?:error|failed|cannot|could not|unable|invalid)[\w ]* (?:pars|read|load|decod|unmarshal)\w*"
        r"[\w ]* (?:config|settings?|yaml|json|toml)).*)",
        r"(?P<what>(?i:(?:invalid|bad|unknown|malformed)[\w ]* (?:config\w*|settings?|option|directive|key|flag"
        r"|argument))"
        r".*)",
        r"(?P<what>(?i:config(?:uration)?(?: file)?\b[^:]*: (?:line \d+|.*:\d+|error|syntax|expected|unexpected"
        r"|invalid)).*)",
        r"(?P<what>\S+\.(?:ya?ml|toml|json|ini|conf|cfg|properties|env|hcl):\d+.*)",
        r"(?P<what>\S*\.(?:ya?ml|toml|json|ini|conf|cfg|properties)\W.*line \d+.*)",
        r"(?P<what>line \d+,? column \d+.*)",
        r"(?P<what>.*error: (?:unrecognized arguments|the following arguments are required|argument \S+: invalid).*)",
        r"(?P<what>(?:unknown|unrecognized|invalid)(?: command line)? (?:flag|option|argument)s?\b.*)",
        r"(?P<what>(?:flag provided but not defined|bad flag syntax).*)",
        r"(?P<what>\d+ validation errors? for \w+.*)",
        r"(?P<what>ValueError: invalid literal for int\(\) with base 10: .*)",
    ),
    "{name} cannot read its configuration: {what}",
    "Correct the file, line or option that it names; then `devctl up {name}`.",
    rank=26,
)
