"""A topic, queue or exchange that the broker does not have."""

from devctl.diagnosis.rules.base import LineRule

RULE = LineRule(
    "topic-missing",
    (
        r"(?i:topic)s? ['\"\[]?(?P<what>[\w.-]+)['\"\]]? (?i:does not exist|not found|is missing|not present"
        r"|doesn't exist"
        r"|is unknown|not available)",
        r"(?i:unknown topic)(?i: or partition)?[:\s]+['\"]?(?P<what>[\w.-]+)",
        r"(?P<what>[\w.-]+): .*(?:UNKNOWN_TOPIC_OR_PART|Unknown topic or partition)",
        r"(?i:no such (?:topic|queue|exchange))[:\s]+['\"]?(?P<what>[\w.-]+)",
        r"no (?:queue|exchange) '(?P<what>[^']+)' in vhost",
        r"(?:UNKNOWN_TOPIC_OR_PART\w*|UnknownTopicOrPartition\w*)\W*(?P<what>[\w.-]*)",
        r"(?i:missing topic)s?:? ['\"\[]?(?P<what>[\w.-]+)",
        r"Subscribed topic not available: (?P<what>[\w.-]+)",
    ),
    "{name} wants the topic {what}, which the broker does not have",
    "Declare {what} under `with: topics:` of the broker in the manifest (`devctl events` lists the topics), or "
    "correct the "
    "name that {name} uses; then `devctl up`.",
    rank=17,
    needs_trouble=False,
    needs_count=2,
)
