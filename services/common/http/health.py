"""The answers of `/health/live` and `/health/ready`."""

from typing import Literal

from services.common.http.schemas import Answer


class Live(Answer):
    """The process answers."""

    status: Literal["up"] = "up"
    service: str


class Check(Answer):
    """One dependency of the service."""

    state: Literal["up", "down", "unknown"]
    required: bool


class Ready(Answer):
    """Whether work may be sent here."""

    status: Literal["ready", "not_ready"]
    service: str
    checks: dict[str, Check]
