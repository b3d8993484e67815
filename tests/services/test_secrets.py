"""No secret in a log line or span: a shop is used and abused, and all that it wrote and sent is searched."""

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx

from services.common.runtime import secrets
from tests.services.processes import free_port, running
from tests.waiting import eventually

PASSWORD, NEW_PASSWORD, GUESS = "a-very-secret-password", "its-secret-successor", "a-guess-that-is-a-typo"
MAIL_PASSWORD, CREDENTIAL = "secret-of-the-mail-server", "secret-between-the-services"
USERS, SESSIONS = "/api/v1/users", "/api/v1/sessions"


@contextlib.contextmanager
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """Take spans in over OTLP; give the address and the list of what came."""
    bodies: list[bytes] = []

    class Intake(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Intake) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", bodies
        server.shutdown()


def test_no_secret_is_in_any_log_line_or_span_of_a_run(tmp_path: Path) -> None:
    mail = {
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(free_port()),
        "SMTP_USER": "shop",
        "SMTP_PASSWORD": MAIL_PASSWORD,
    }
    with collector() as (address, spans):
        environment = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": address,
            "SERVICE_TOKEN": CREDENTIAL,
            "LOG_LEVEL": "debug",
            **mail,
        }
        with running("services.monolith", tmp_path, **environment) as shop, httpx.Client(base_url=shop.url) as client:
            hidden, order_id = _use(client)
            hidden |= _break(client, tmp_path / "services.monolith" / "user" / "user.db")
            shop.process.terminate()
            assert shop.process.wait(15) == 0
        log, sent = shop.log.read_text(), b"".join(spans).decode("latin-1")
    assert order_id in log
    assert order_id in sent
    assert "message not sent" in log
    assert '"level": "error"' in log
    assert '"exception"' in log
    for source, text in (("log", log), ("spans", sent)):
        leaked = [secret for secret in hidden if secret in text]
        assert not leaked, (
            source,
            [line for line in text.splitlines() if any(secret in line for secret in leaked)][:3],
        )


def _use(client: httpx.Client) -> tuple[set[str], str]:
    """Do all that has to do with a secret, rightly and wrongly; return the secrets, and an order that is none."""
    ada = {"email": "ada@example.org", "password": PASSWORD}
    assert client.post(USERS, json={**ada, "name": "Ada"}).status_code == 201
    guest_cart = client.put("/api/v1/cart/items/moka-pot", json={"quantity": 1})
    assert client.post(SESSIONS, json={**ada, "password": GUESS}).status_code == 401
    assert client.post(SESSIONS, json={**ada, "password": [PASSWORD], "more": PASSWORD}).status_code == 422
    assert client.post(SESSIONS, content=f'{{"password": "{PASSWORD}"', headers=_JSON).status_code == 400
    tokens = client.post(SESSIONS, json=ada).json()
    fresh = client.post(f"{SESSIONS}/refresh", json={"refreshToken": tokens["refreshToken"]}).json()
    assert client.post(f"{SESSIONS}/refresh", json={"refreshToken": tokens["refreshToken"]}).status_code == 401
    bearer = {"authorization": f"Bearer {fresh['accessToken']}"}
    order = client.post("/orders", json={"items": [{"productId": "moka-pot", "quantity": 1}]}, headers=bearer).json()
    eventually(lambda: client.get(f"/orders/{order['id']}", headers=bearer).json()["status"] == "confirmed")
    forged = fresh["accessToken"][:-8] + "AAAAAAAA"
    assert client.get("/orders", headers={"authorization": f"Bearer {forged}"}).status_code == 401
    assert client.get("/orders", headers={**bearer, secrets.HEADER: CREDENTIAL}).status_code == 200
    change = {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}
    assert client.put(f"{USERS}/me/password", json=change, headers=bearer).status_code == 204
    hidden = {PASSWORD, NEW_PASSWORD, GUESS, MAIL_PASSWORD, CREDENTIAL, "$argon2", *guest_cart.cookies.values()}
    signatures = {token.rsplit(".", 1)[1] for token in (tokens["accessToken"], fresh["accessToken"], forged)}
    return hidden | signatures | {tokens["refreshToken"], fresh["refreshToken"]}, order["id"]


_JSON = {"content-type": "application/json"}


def _break(client: httpx.Client, database: Path) -> set[str]:
    """Have statements fail that carry hashes and addresses."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("ALTER TABLE accounts RENAME COLUMN password_hash TO moved")
        connection.commit()
    password = "the-secret-of-one-who-came-late"
    late = {"email": "late@example.org", "password": password, "name": "Late"}
    assert client.post(USERS, json=late).status_code >= 500
    assert "argon2" not in json.dumps(client.post(SESSIONS, json=late).json())
    return {password, "late@example.org"}
