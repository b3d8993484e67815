"""A service as a process: it starts light, ends clean, and waits for nobody who is away."""

import json
import signal
import threading
from pathlib import Path

import httpx

from tests.services.processes import Running, free_port, running
from tests.waiting import eventually


def end(service: Running) -> None:
    """Send TERM, and see it end with 0 within the grace that a supervisor gives."""
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(10) == 0, service.log.read_text()[-2000:]


def register(url: str, number: int) -> httpx.Response:
    body = {"email": f"u{number}@example.org", "password": "a password", "name": "U"}
    return httpx.post(f"{url}/api/v1/users", json=body, timeout=10)


def test_term_under_load_answers_everything_that_was_begun_and_ends_with_0(tmp_path: Path) -> None:
    answers: dict[int, int] = {}
    with running("services.user", tmp_path) as service:

        def load(lane: int) -> None:
            """Register until there is nobody to register with; a call that got no answer counts as 0."""
            for number in range(lane * 10_000, lane * 10_000 + 9_999):
                try:
                    answers[number] = register(service.url, number).status_code
                except httpx.TransportError:
                    answers[number] = 0
                    return

        lanes = [threading.Thread(target=load, args=(lane,)) for lane in range(1, 5)]
        for lane in lanes:
            lane.start()
        eventually(lambda: len(answers) >= 20, within=30)
        end(service)
        for lane in lanes:
            lane.join(10)
    assert set(answers.values()) <= {201, 503, 0}
    with running("services.user", tmp_path) as again:
        unanswered = [number for number, status in answers.items() if status != 201]
        assert {register(again.url, number).status_code for number in unanswered} == {201}
        assert register(again.url, 10_000).status_code == 409


def test_what_is_away_delays_neither_start_nor_end(tmp_path: Path) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    away = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{nobody}",
        "KAFKA_BOOTSTRAP_SERVERS": nobody,
        "CONSUL_HTTP_ADDR": nobody,
    }
    with running("services.user", tmp_path, **away) as service:
        assert register(service.url, 1).status_code == 201
        checks = httpx.get(f"{service.url}/health/ready").json()["checks"]
        assert (checks["database"]["state"], checks["broker"]["state"], checks["consul"]["state"]) == (
            "up",
            "down",
            "down",
        )
        end(service)


def test_every_line_of_output_is_json_and_none_holds_a_secret(tmp_path: Path) -> None:
    with running("services.user", tmp_path) as service:
        register(service.url, 1)
        login = {"email": "u1@example.org", "password": "a password"}
        tokens = httpx.post(f"{service.url}/api/v1/sessions", json=login).json()
        httpx.get(f"{service.url}/api/v1/users/me", headers={"authorization": f"Bearer {tokens['accessToken']}"})
        httpx.post(
            f"{service.url}/api/v1/users",
            content=b'{"password": "a password',
            headers={"content-type": "application/json"},
        )
        end(service)
        text = service.log.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert all({"time", "level", "message", "service"} <= line.keys() for line in lines)
    secret = (tmp_path / "secrets" / "service.token").read_text()
    for word in ("a password", tokens["accessToken"], tokens["refreshToken"], secret):
        assert word not in text


# The migrations, SQLAlchemy's mapper, uvicorn's command line and reloader, a second HTTP client for spans.
SPARED = ("alembic", "sqlalchemy.orm", "uvicorn.main", "click", "watchfiles", "requests", "charset_normalizer")


def test_a_second_start_loads_neither_the_migrations_nor_what_no_service_uses(tmp_path: Path) -> None:
    with running("services.user", tmp_path) as service:
        end(service)
    collector = f"http://127.0.0.1:{free_port()}"
    with running("services.user", tmp_path, PYTHONVERBOSE="1", OTEL_EXPORTER_OTLP_ENDPOINT=collector) as again:
        end(again)
        loaded = again.log.read_text()
    assert "import 'services.user.app'" in loaded
    assert "import 'opentelemetry.exporter.otlp" in loaded
    assert not [name for name in SPARED if f"import '{name}'" in loaded]
