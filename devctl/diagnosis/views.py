"""The shapes of what `why` answers, as `devctl why --json` prints them."""

from __future__ import annotations

from typing import TypedDict


class CauseView(TypedDict):
    """One link of a chain of causes; the last one is the root cause.

    `says` is the sentence, `next` what to do; `lines` the last lines of its log (raw text, unfiltered), `answer`
    what its probe saw last, `exit_code` of its last end.
    """

    service: str
    instance: str
    status: str
    says: str
    next: str
    exit_code: int | None
    answer: str
    lines: list[str]


class WhyView(TypedDict):
    """Why a service is not good: the chain from it down to the root; an empty chain means that it is good."""

    service: str
    status: str
    chain: list[CauseView]
