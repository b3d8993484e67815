"""The mail channel against a mail server that only listens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from services.notification import domain
from services.notification.channels import SmtpChannel
from services.notification.domain import Channel, Contact, MessageType
from services.notification.ports import NotDelivered
from services.notification.settings import SmtpSettings
from tests.services.fakes import START

MESSAGE = domain.queue(
    "m-1",
    MessageType.ORDER_CONFIRMED,
    Channel.SMTP,
    {"orderId": "o-1", "userId": "ada", "amount": 100, "currency": "EUR"},
    "Ada",
    START,
)
CONTACT = Contact("ada", "ada@example.org", "Ada")


@asynccontextmanager
async def mail_server(*, refuses: bool = False) -> AsyncIterator[tuple[SmtpSettings, list[str]]]:
    """Speak just enough SMTP to take messages in, or to refuse them."""
    mails: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        while line := await reader.readline():
            word = line.split()[0].upper() if line.split() else b""
            if word == b"DATA":
                writer.write(b"354 go\r\n")
                mails.append((await reader.readuntil(b"\r\n.\r\n")).decode())
                writer.write(b"250 ok\r\n")
            elif word == b"QUIT":
                writer.write(b"221 bye\r\n")
                break
            else:
                writer.write(b"550 no\r\n" if refuses and word == b"RCPT" else b"250 ok\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield SmtpSettings("127.0.0.1", port, "", "", "shop@example.org", 5.0), mails


async def test_a_mail_carries_the_message_and_an_id_that_stays_the_same() -> None:
    async with mail_server() as (settings, mails):
        for _ in range(2):
            await SmtpChannel(settings).deliver(MESSAGE, CONTACT)
    assert "To: ada@example.org" in mails[0]
    assert "1.00 EUR" in mails[0]
    assert all("Message-ID: <m-1@shop.invalid>" in mail for mail in mails)


async def test_a_refusal_and_a_dead_server_are_both_not_delivered() -> None:
    async with mail_server(refuses=True) as (settings, _):
        with pytest.raises(NotDelivered, match="550"):
            await SmtpChannel(settings).deliver(MESSAGE, CONTACT)
    with pytest.raises(NotDelivered):
        await SmtpChannel(replace(settings, timeout_seconds=0.5)).deliver(MESSAGE, CONTACT)


async def test_without_an_address_nothing_can_be_sent() -> None:
    with pytest.raises(NotDelivered, match="no address"):
        await SmtpChannel(SmtpSettings("127.0.0.1", 1, "", "", "shop@example.org", 1.0)).deliver(MESSAGE, None)
