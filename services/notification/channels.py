"""The channels: a log line, a mail server, or the mailbox where no mail server is configured."""

import asyncio
from collections.abc import Mapping
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from typing import TYPE_CHECKING

from services.notification.domain import Channel, Contact, Message
from services.notification.ports import Delivery, NotDelivered
from services.notification.settings import Encryption, NotificationSettings, SmtpSettings

if TYPE_CHECKING:
    import smtplib
    import ssl

    from services.common.runtime.logs import Logger


class LogChannel:
    """Writes the title of a message as a log line; the text and the address stay out of the log."""

    def __init__(self, log: "Logger") -> None:
        self._log = log

    async def deliver(self, message: Message, contact: Contact | None) -> None:
        """Write the line."""
        self._log.info(message.title, type=message.type.value, order_id=message.order_id, user_id=message.user_id)


class MailboxChannel:
    """Delivers by leaving the message where it is: `GET /messages` shows it."""

    async def deliver(self, message: Message, contact: Contact | None) -> None:
        """Do nothing more."""


class SmtpChannel:
    """Sends a message through a mail server."""

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings

    async def deliver(self, message: Message, contact: Contact | None) -> None:
        """Send the message; whatever the server says against it is NotDelivered."""
        if contact is None or not contact.email:
            raise NotDelivered("no address is known for this user")
        await asyncio.to_thread(self._send, _mail(message, contact, self._settings.sender), contact.email)

    def _send(self, mail: EmailMessage, to: str) -> None:
        import smtplib

        settings = self._settings
        try:
            with self._connect() as server:
                if settings.encryption is Encryption.STARTTLS:
                    server.starttls(context=_tls())
                if settings.user:
                    server.login(settings.user, settings.password)
                server.send_message(mail, to_addrs=[to])
        except (OSError, smtplib.SMTPException, UnicodeError) as error:
            raise NotDelivered(f"{type(error).__name__}: {error}") from error

    def _connect(self) -> "smtplib.SMTP":
        import smtplib

        settings = self._settings
        if settings.encryption is Encryption.TLS:
            return smtplib.SMTP_SSL(settings.host, settings.port, timeout=settings.timeout_seconds, context=_tls())
        return smtplib.SMTP(settings.host, settings.port, timeout=settings.timeout_seconds)


def _tls() -> "ssl.SSLContext":
    """Check the server's certificate and name, which smtplib does not do of itself."""
    import ssl

    return ssl.create_default_context()


def _mail(message: Message, contact: Contact, sender: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["Subject"], mail["Date"] = sender, message.title, message.created_at
    try:
        mail["To"] = Address(addr_spec=contact.email)
    except (ValueError, IndexError, AttributeError, MessageError) as error:  # the parser has its own ways to refuse
        raise NotDelivered(f"{contact.email!r} is no address that mail can be sent to") from error
    # The id stays the same when a crash makes us send the message twice, so that the server can drop the second.
    mail["Message-ID"] = f"<{message.id}@shop.invalid>"
    mail.set_content(message.text)
    return mail


def build(settings: NotificationSettings, log: "Logger") -> Mapping[Channel, Delivery]:
    """Make the channels that are switched on."""
    mail: Delivery = SmtpChannel(settings.smtp) if settings.smtp.host else MailboxChannel()
    made: Mapping[Channel, Delivery] = {Channel.LOG: LogChannel(log), Channel.SMTP: mail}
    return {channel: made[channel] for channel in settings.channels}
