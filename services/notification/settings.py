"""What notification reads from its environment."""

from dataclasses import dataclass

from services.common.settings import Environment
from services.notification.domain import Channel


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """The mail server; without a host the messages stay here, readable at `GET /messages`."""

    host: str
    port: int
    user: str
    password: str
    sender: str
    timeout_seconds: float


@dataclass(frozen=True, slots=True)
class NotificationSettings:
    """The settings of notification beside those of every service."""

    channels: tuple[Channel, ...]
    smtp: SmtpSettings
    sweep_seconds: float

    @classmethod
    def read(cls, env: Environment) -> "NotificationSettings":
        """Read NOTIFICATION_CHANNELS, SMTP_* and NOTIFICATION_SWEEP_SECONDS."""
        smtp = SmtpSettings(
            host=env.text("SMTP_HOST"),
            port=env.whole("SMTP_PORT", 25),
            user=env.text("SMTP_USER"),
            password=env.text("SMTP_PASSWORD"),
            sender=env.text("SMTP_FROM", "shop@localhost"),
            timeout_seconds=env.number("SMTP_TIMEOUT_SECONDS", 5.0),
        )
        return cls(
            channels=_channels(env.names("NOTIFICATION_CHANNELS") or (Channel.SMTP.value,)),
            smtp=smtp,
            sweep_seconds=env.number("NOTIFICATION_SWEEP_SECONDS", 1.0),
        )


def _channels(names: tuple[str, ...]) -> tuple[Channel, ...]:
    unknown = sorted(set(names) - {channel.value for channel in Channel})
    if unknown:
        known = ", ".join(Channel)
        raise SystemExit(f"NOTIFICATION_CHANNELS names {', '.join(unknown)}: there are {known}")
    return tuple(Channel(name) for name in dict.fromkeys(names))
