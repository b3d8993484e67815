"""The bases of the models of requests and answers: strict, camelCase, no unknown fields."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, StringConstraints
from pydantic.alias_generators import to_camel

from services.common.runtime.clock import rfc3339


class Request(BaseModel):
    """A body that comes in: types are exact and an unknown field is refused."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, strict=True, extra="forbid", frozen=True)


class Answer(BaseModel):
    """A body that goes out."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, serialize_by_alias=True)


class Problem(Answer):
    """A problem document (RFC 9457) with a member `error`."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""
    instance: str = ""
    error: str


class Money(Answer):
    """An amount in the smallest unit of its currency."""

    amount: int
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


# Behind the bounds of an `int`: JSON may also write a whole number as 1.0 (JSON Schema 2020-12, 6.1.1).
WHOLE = BeforeValidator(_whole)
# Text from outside that any database and any terminal can hold: no control characters but tab and line feed.
Text = Annotated[str, StringConstraints(strict=True, max_length=2000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")]
# Every space and control character by its number: what `\s` means differs between engines of regular expressions.
BLANK = r"\x00-\x20\x7f-\xa0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u2060\u3000\ufeff"
# One line of text that is not blank.
Line = Annotated[
    str,
    StringConstraints(
        strict=True, min_length=1, max_length=200, pattern=rf"^[^\x00-\x1f\x7f]*[^{BLANK}][^\x00-\x1f\x7f]*$"
    ),
]
Moment = Annotated[datetime, PlainSerializer(rfc3339, return_type=str, when_used="json")]
