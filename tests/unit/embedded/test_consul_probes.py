"""What a check makes of the answers that it gets."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from devctl.embedded.consul.probes import CRITICAL, PASSING, WARNING, Check, look
from tests.reference.running import free_ports


@asynccontextmanager
async def answering(answer: bytes, *, closes: bool = True, secure: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server that answers every request with these bytes; gives its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
            if not closes:
                await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=secure)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("200 OK", PASSING),
        ("204 No Content", PASSING),
        ("429 Slow down", WARNING),
        ("302 Found", CRITICAL),
        ("500 No", CRITICAL),
    ],
)
async def test_the_status_decides(status: str, expected: str) -> None:
    async with answering(f"HTTP/1.1 {status}\r\nX: y\r\n\r\nbody".encode()) as port:
        result, output = await look(Check("http", f"http://127.0.0.1:{port}/x?y=1"))
    assert (result, output.endswith(f"/x?y=1: {status} Output: body")) == (expected, True)


async def test_a_server_that_keeps_the_connection_open_is_not_waited_for() -> None:
    async with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", closes=False) as port:
        assert (await look(Check("http", f"http://127.0.0.1:{port}", timeout=5)))[0] == PASSING


async def test_a_server_that_never_answers_is_critical_after_the_timeout() -> None:
    async with answering(b"", closes=False) as port:
        assert await look(Check("http", f"http://127.0.0.1:{port}", timeout=0.1)) == (
            CRITICAL,
            f'Get "http://127.0.0.1:{port}": no answer within 0.1 s',
        )


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0\r\n\r\n", b"HTTP/1.1 ok\r\n\r\n"])
async def test_what_is_no_http_is_critical(answer: bytes) -> None:
    async with answering(answer) as port:
        assert (await look(Check("http", f"http://127.0.0.1:{port}")))[0] == CRITICAL


@pytest.mark.parametrize("check", [Check("http", "http://127.0.0.1:{}"), Check("tcp", "127.0.0.1:{}")])
async def test_nobody_there_is_critical(check: Check) -> None:
    (port,) = free_ports(1)
    status, output = await look(Check(check.kind, check.target.format(port)))
    assert (status, "connection refused" in output) == (CRITICAL, True)


async def test_a_header_with_a_line_break_is_never_sent() -> None:
    async with answering(b"HTTP/1.1 200 OK\r\n\r\n") as port:
        check = Check("http", f"http://127.0.0.1:{port}", headers={"X": ["a\r\nInjected: 1"]})
        assert (await look(check))[0] == CRITICAL


async def test_a_certificate_that_nobody_signed_is_refused_unless_asked_not_to_look(tmp_path: Path) -> None:
    async with answering(b"HTTP/1.1 200 OK\r\n\r\n", secure=_self_signed(tmp_path)) as port:
        strict = await look(Check("http", f"https://127.0.0.1:{port}/"))
        lax = await look(Check("http", f"https://127.0.0.1:{port}/", skip_verify=True))
    assert (strict[0], lax[0]) == (CRITICAL, PASSING)


def _self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nobody")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(hours=1))
    file = folder / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context
