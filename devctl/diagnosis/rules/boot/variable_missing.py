"""A variable of the environment that the program wants and does not get."""

from devctl.diagnosis.rules.base import LineRule

RULE = LineRule(
    "variable-missing",
    (
        r"KeyError: '(?P<what>[A-Z][A-Z0-9_]{2,})'",
        r"(?i:(?:environment )?variable|env(?:ironment)? var|setting)s? ['\"`$]?(?P<what>[A-Z][A-Z0-9_]{2,})['\"`]?"
        r" (?:is |was |must be |has )?(?:not |un)?(?:set|missing|required|defined|provided|empty)",
        r"(?i:missing|required|undefined|unset|must set|please set|need to set|not set:?)"
        r"(?i: required)?(?i: environment)?(?i: variables?| setting| env(?: var)?)?:? ['\"`$]?"
        r"(?P<what>[A-Z][A-Z0-9]*_[A-Z0-9_]+)",
        r"(?P<what>[A-Z][A-Z0-9]*_[A-Z0-9_]+)['\"`]?:? (?:environment variable )?(?i:is |was |must be |has "
        r"|needs to be )?"
        r"(?i:not (?:been )?set|(?<=be )set|unset|missing|required|not defined|undefined|empty|unbound)",
        r"(?P<what>[A-Z][A-Z0-9_]{2,}): (?:parameter (?:null or )?not set|unbound variable|parameter not set)",
        r"(?P<what>[A-Z][A-Z0-9_]{2,})\n? *Field required",
    ),
    "{name} wants the variable {what}, which it does not get",
    "Set {what} under environment of {name} in the manifest; then `devctl up {name}`. `devctl env {name}` shows "
    "what it has.",
    rank=21,
)
