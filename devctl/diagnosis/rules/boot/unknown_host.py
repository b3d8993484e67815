"""A host whose name has no address."""

import re

from devctl.diagnosis.facts import Facts
from devctl.diagnosis.rules.base import LineRule

_HOST = r"(?://(?:[^@/\s]*@)?|^)([A-Za-z][\w-]*(?:\.[\w-]+)*)(?::\d+)?(?:/|$|,)"


def host_in_environment(facts: Facts, name: str) -> str:
    """Return the first host name in the variables of a service that is not this machine's."""
    variant = facts.variant(name)
    for value in variant.environment.values() if variant else ():
        match = re.search(_HOST, value)
        if match and ("//" in value or ":" in value) and match[1] != "localhost":
            return match[1]
    return ""


RULE = LineRule(
    "unknown-host",
    (
        r"(?:getaddrinfo|ENOTFOUND|EAI_AGAIN)\s+(?:ENOTFOUND |EAI_AGAIN )?(?P<what>[\w.-]+\.?\w*)",
        r"lookup (?P<what>[\w.-]+)(?: on \S+)?: (?:no such host|server misbehaving|Temporary failure)",
        r"could not translate host name \"(?P<what>[^\"]+)\"",
        r"UnknownHostException: (?P<what>[\w.-]+)",
        r"(?i:could not resolve|failed to resolve|cannot resolve|can't resolve|unable to resolve)(?: host(?:name)?)?:? "
        r"['\"]?(?P<what>[\w.-]+)",
        r"(?i:unknown host|no such host)[: ]+['\"]?(?P<what>[\w.-]+)",
        r"host='(?P<what>[\w.-]+)'.*(?:Name or service not known|nodename nor servname|Temporary failure in name)",
        r"(?:https?|\w+)://(?:[^@/\s]*@)?(?P<what>[A-Za-z][\w.-]+).*(?:Name or service not known"
        r"|Temporary failure in name)",
        r"\b(?!\w*(?:rror|rrno|socket|xception)\b)(?P<what>[A-Za-z][\w-]*(?:\.[\w-]+)*)(?::\d+)?['\"]?\W.*"
        r"(?:Name or service not known|nodename nor servname"
        r"|Temporary failure in name resolution|No address associated with hostname)",
        r"(?:gaierror|Name or service not known|Temporary failure in name resolution|nodename nor servname)(?P<what>)",
    ),
    "{name} knows no address of the host {what}",
    "On this machine services are reached by address: write ${{services.NAME.PORT}} instead of the host {what} in the "
    "environment of {name}; then `devctl up {name}`.",
    rank=20,
    guess=host_in_environment,
)
