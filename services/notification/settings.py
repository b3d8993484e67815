"""What notification reads from its environment."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from services.common.runtime.settings import Environment
from services.notification.domain import Channel

_Choice = TypeVar("_Choice", bound=StrEnum)


class Encryption(StrEnum):
    """How the connection to the mail server is protected; the server's certificate is checked in both ways."""

    OFF = "off"
    STARTTLS = "starttls"
    TLS = "tls"


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """The mail server; without a host the messages stay here, readable at `GET /messages`."""

    host: str
    port: int
    user: str
    password: str
    sender: str
    timeout_seconds: float
    encryption: Encryption = Encryption.OFF


@dataclass(frozen=True, slots=True)
class NotificationSettings:
    """The settings of notification beside those of every service."""

    channels: tuple[Channel, ...]
    smtp: SmtpSettings
    sweep_seconds: float

    @classmethod
    def read(cls, env: Environment) -> "NotificationSettings":
        """Read NOTIFICATION_CHANNELS, SMTP_* and NOTIFICATION_SWEEP_SECONDS."""
        user = env.text("SMTP_USER")
        smtp = SmtpSettings(
            host=env.text("SMTP_HOST"),
            port=env.whole("SMTP_PORT", 25),
            user=user,
            password=env.text("SMTP_PASSWORD"),
            sender=env.text("SMTP_FROM", "shop@localhost"),
            timeout_seconds=env.number("SMTP_TIMEOUT_SECONDS", 5.0),
            # A password goes over the wire in the clear only where somebody asked for that.
            encryption=_encryption(env.text("SMTP_TLS", "starttls" if user else "off")),
        )
        return cls(
            channels=_channels(env.names("NOTIFICATION_CHANNELS") or (Channel.SMTP.value,)),
            smtp=smtp,
            sweep_seconds=env.number("NOTIFICATION_SWEEP_SECONDS", 1.0),
        )


def _channels(names: tuple[str, ...]) -> tuple[Channel, ...]:
    return tuple(_one_of(Channel, name, "NOTIFICATION_CHANNELS") for name in dict.fromkeys(names))


def _encryption(name: str) -> Encryption:
    return _one_of(Encryption, name.lower(), "SMTP_TLS")


def _one_of(choices: type[_Choice], name: str, variable: str) -> _Choice:
    try:
        return choices(name)
    except ValueError:
        raise SystemExit(f"{variable} names {name}: there are {', '.join(choices)}") from None
