"""An event, and how it travels: CloudEvents 1.0 in binary mode, with the trace beside it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.common.runtime.clock import rfc3339, utc_now
from services.common.runtime.ids import new_id

_PREFIX = "ce_"
_SPEC_VERSION = "1.0"
_JSON = "application/json"
_REQUIRED = ("id", "source", "type", "specversion")


class MalformedEventError(Exception):
    """A message that is no CloudEvent with a JSON object in it."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, published for every service.

    `key` is the id of the aggregate it happened to: events of one key keep their order.
    """

    type: str
    topic: str
    key: str
    data: Mapping[str, Any]
    version: int = 1
    subject: str = ""
    source: str = ""
    id: str = field(default_factory=new_id)
    time: datetime = field(default_factory=utc_now)
    traceparent: str = ""
    tracestate: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """What a broker carries."""

    topic: str
    key: str
    value: bytes
    headers: Mapping[str, str]
    partition: int = -1
    offset: int = -1


def to_message(event: Event) -> Message:
    """Write an event as a message."""
    headers = {
        "ce_specversion": _SPEC_VERSION,
        "ce_id": event.id,
        "ce_source": event.source,
        "ce_type": event.type,
        "ce_time": rfc3339(event.time),
        "ce_subject": event.subject or event.key,
        "ce_dataschema": f"/schemas/{event.type}.v{event.version}.json",
        "ce_partitionkey": event.key,
        "content-type": _JSON,
        "traceparent": event.traceparent,
        "tracestate": event.tracestate,
    }
    value = json.dumps(event.data, separators=(",", ":")).encode()
    return Message(event.topic, event.key, value, {name: text for name, text in headers.items() if text})


def from_message(message: Message) -> Event:
    """Read an event out of a message, or raise MalformedEventError with what is wrong."""
    attributes = {
        name[len(_PREFIX) :].lower(): text for name, text in message.headers.items() if name.lower().startswith(_PREFIX)
    }
    missing = [name for name in _REQUIRED if not attributes.get(name)]
    if missing:
        raise MalformedEventError(f"without {', '.join(missing)}")
    _check_claims(attributes["specversion"], message.headers.get("content-type", _JSON))
    return Event(
        type=attributes["type"],
        topic=message.topic,
        key=message.key,
        data=_object(message.value),
        version=_version(attributes.get("dataschema", "")),
        subject=attributes.get("subject", ""),
        source=attributes["source"],
        id=attributes["id"],
        time=_time(attributes.get("time", "")),
        traceparent=message.headers.get("traceparent", ""),
        tracestate=message.headers.get("tracestate", ""),
    )


def _check_claims(spec_version: str, content_type: str) -> None:
    """Refuse what says that it is written otherwise than we would read it."""
    if spec_version.partition(".")[0] != "1":
        raise MalformedEventError(f"CloudEvents {spec_version[:10]!r}, and 1.0 is read")
    kind, *parameters = content_type.lower().replace(" ", "").split(";")
    charsets = {text.partition("=")[2].strip('"') for text in parameters if text.startswith("charset=")}
    if not (kind == _JSON or kind.endswith("+json")) or charsets - {"utf-8", "utf8"}:
        raise MalformedEventError(f"the data is {content_type[:80]!r}, and {_JSON} in UTF-8 is read")


def _object(value: bytes) -> dict[str, Any]:
    try:
        data = json.loads(value.decode())  # of bytes, Python would also read UTF-16
    except (ValueError, RecursionError) as error:
        raise MalformedEventError(f"the data is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise MalformedEventError("the data is not a JSON object")
    return data


def _version(schema: str) -> int:
    """Read the version out of `…/order.created.v2.json`."""
    digits = schema.removesuffix(".json").rpartition(".v")[2]
    return int(digits) if digits.isdecimal() else 1


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text) if text else utc_now()
    except ValueError as error:
        raise MalformedEventError(f"the time {text[:40]!r} is none") from error
