"""The mail channel against a real mail server: what arrives, how the way there is protected, and what is refused."""

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from services.common.runtime.settings import Environment
from services.notification import domain
from services.notification.channels import SmtpChannel
from services.notification.domain import Channel, Contact, MessageType
from services.notification.ports import NotDelivered
from services.notification.settings import Encryption, NotificationSettings, SmtpSettings
from tests.services.fakes import START
from tests.services.harness import running_shop
from tests.waiting import eventually_async

MESSAGE = domain.queue(
    "m-1",
    MessageType.ORDER_CONFIRMED,
    Channel.SMTP,
    {"orderId": "o-1", "userId": "ada", "amount": 100, "currency": "EUR"},
    "Ada",
    START,
)
CONTACT = Contact("ada", "ada@example.org", "Ada")
USER, PASSWORD = "shop", "the password of the shop"


@dataclass
class Mailbox:
    """Takes mail in, after refusing as often as it is told to; remembers who logged in."""

    refusals: int = 0
    mails: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.refusals:
            self.refusals -= 1
            return "451 come again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.mails.append((envelope.rcpt_tos, message_from_bytes(envelope.content, policy=policy.SMTP)))
        return "250 OK"

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _method: str, shown: Any
    ) -> AuthResult:
        assert isinstance(shown, LoginPassword)
        self.logins.append((shown.login.decode(), shown.password.decode()))
        return AuthResult(success=self.logins[-1] == (USER, PASSWORD), handled=False)


@asynccontextmanager
async def mail_server(box: Mailbox, tls: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[SmtpSettings]:
    """Run a mail server that puts into a box what it takes in; `tls` encrypts from the first byte on."""

    def speak() -> SMTP:
        return SMTP(box, hostname="mail", authenticator=box.authenticate, **options)

    server = await asyncio.get_running_loop().create_server(speak, "127.0.0.1", 0, ssl=tls)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield SmtpSettings("127.0.0.1", port, "", "", "shop@example.org", 5.0)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate for 127.0.0.1 with its key, in one file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path_factory.mktemp("tls") / "mail.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


def server_side(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def test_a_mail_carries_the_message_and_an_id_that_stays_the_same() -> None:
    box = Mailbox()
    async with mail_server(box) as settings:
        for _ in range(2):
            await SmtpChannel(settings).deliver(MESSAGE, CONTACT)
    (to, mail), again = box.mails
    assert (to, mail["to"], mail["from"]) == (["ada@example.org"], "ada@example.org", "shop@example.org")
    assert mail["subject"] == "Your order is confirmed"
    assert mail["date"].datetime == START
    assert "1.00 EUR" in mail.get_content()
    assert mail["message-id"] == again[1]["message-id"] == "<m-1@shop.invalid>"


@pytest.mark.parametrize("encryption", [Encryption.STARTTLS, Encryption.TLS])
async def test_a_password_goes_to_a_server_whose_certificate_is_good_and_to_no_other(
    encryption: Encryption, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box, context = Mailbox(), server_side(certificate)
    options = {"tls": context} if encryption is Encryption.TLS else {"tls_context": context}
    async with mail_server(box, auth_require_tls=encryption is Encryption.STARTTLS, **options) as plain:
        settings = replace(plain, user=USER, password=PASSWORD, encryption=encryption)
        monkeypatch.setenv("SSL_CERT_FILE", "/dev/null")
        with pytest.raises(NotDelivered, match="certificate"):
            await SmtpChannel(settings).deliver(MESSAGE, CONTACT)
        assert box.logins == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with pytest.raises(NotDelivered, match="535"):
            await SmtpChannel(replace(settings, password="another")).deliver(MESSAGE, CONTACT)
        await SmtpChannel(settings).deliver(MESSAGE, CONTACT)
    assert box.logins[-1] == (USER, PASSWORD)
    assert len(box.mails) == 1


async def test_a_server_without_encryption_gets_no_password() -> None:
    box = Mailbox()
    async with mail_server(box, auth_require_tls=False) as settings:
        encrypted = replace(settings, user=USER, password=PASSWORD, encryption=Encryption.STARTTLS)
        with pytest.raises(NotDelivered, match="STARTTLS"):
            await SmtpChannel(encrypted).deliver(MESSAGE, CONTACT)
    assert box.logins == []


@pytest.mark.parametrize(
    ("environment", "encryption"),
    [
        ({}, Encryption.OFF),
        ({"SMTP_USER": "shop"}, Encryption.STARTTLS),
        ({"SMTP_USER": "shop", "SMTP_TLS": "off"}, Encryption.OFF),
        ({"SMTP_TLS": "TLS"}, Encryption.TLS),
    ],
)
def test_whoever_logs_in_encrypts_unless_told_otherwise(environment: dict[str, str], encryption: Encryption) -> None:
    assert NotificationSettings.read(Environment(environment)).smtp.encryption is encryption


def test_an_unknown_way_to_encrypt_is_named_with_those_that_there_are() -> None:
    with pytest.raises(SystemExit, match="SMTP_TLS names ssl: there are off, starttls, tls"):
        NotificationSettings.read(Environment({"SMTP_TLS": "ssl"}))


async def test_a_refusal_and_a_dead_server_are_both_not_delivered() -> None:
    async with mail_server(Mailbox(refusals=1)) as settings:
        with pytest.raises(NotDelivered, match="451"):
            await SmtpChannel(settings).deliver(MESSAGE, CONTACT)
    with pytest.raises(NotDelivered):
        await SmtpChannel(replace(settings, timeout_seconds=0.5)).deliver(MESSAGE, CONTACT)


@pytest.mark.parametrize("contact", [None, Contact("ada", "", "Ada")])
async def test_without_an_address_nothing_can_be_sent(contact: Contact | None) -> None:
    with pytest.raises(NotDelivered, match="no address"):
        await SmtpChannel(SmtpSettings("127.0.0.1", 1, "", "", "shop@example.org", 1.0)).deliver(MESSAGE, contact)


_ODD = st.text(st.one_of(st.sampled_from('[]<>()",;:\\.\r\n a@é%=?'), st.characters()), min_size=1, max_size=12)


@given(_ODD, _ODD)
def test_an_odd_address_is_not_delivered_to_and_never_read_as_two(box: str, host: str) -> None:
    nowhere = SmtpChannel(SmtpSettings("127.0.0.1", 1, "", "", "shop@example.org", 0.1))
    with pytest.raises(NotDelivered):
        asyncio.run(nowhere.deliver(MESSAGE, Contact("ada", f"{box}@{host}", "Ada")))


async def test_a_message_that_is_refused_at_first_arrives_later_and_once(tmp_path: Path) -> None:
    box = Mailbox(refusals=1)
    async with mail_server(box) as settings:
        mail = {"SMTP_HOST": settings.host, "SMTP_PORT": str(settings.port), "NOTIFICATION_SWEEP_SECONDS": "0.1"}
        async with running_shop(tmp_path, NOTIFICATION_CHANNELS="log,smtp", **mail) as shop:
            member = await shop.member()
            order = {"items": [{"productId": "moka-pot", "quantity": 1}]}
            await shop.settled(member, (await member.post("/orders", order)).json()["id"])

            async def have_gone_out() -> bool:
                items = (await member.get("/api/v1/notifications")).json()["items"]
                return len(items) == 4 and all(item["state"] == "sent" for item in items)

            await eventually_async(have_gone_out, what="two messages on two channels each")
    assert box.refusals == 0
    subjects = Counter(mail["subject"] for to, mail in box.mails if to == [member.email])
    assert subjects == {"Welcome to the shop": 1, "Your order is confirmed": 1}
