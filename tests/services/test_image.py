"""What the image of a service is built from; that it builds and runs is seen with `make images` where an engine is."""

import http.server
import os
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "services" / "Dockerfile").read_text()


def locked(name: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+==[^ ;]+)", (ROOT / name).read_text(), re.MULTILINE))


def test_what_the_image_copies_is_there_and_reaches_the_engine() -> None:
    sources = re.findall(r"^COPY (?!--from)(\S+) ", DOCKERFILE, re.MULTILINE)
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert sources
    assert set(sources) == allowed
    assert all((ROOT / source).exists() for source in sources)


def test_the_image_gets_what_the_shop_needs_in_the_versions_that_are_tested() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    needed = {re.split(r"[\[=<>; ]", package)[0] for package in extras["shop"]}
    assert needed <= {package.partition("==")[0] for package in locked("requirements-shop.lock")}
    assert locked("requirements-shop.lock") <= locked("requirements.lock")


def test_every_locked_package_has_a_hash_and_no_address() -> None:
    text = (ROOT / "requirements-shop.lock").read_text()
    assert text.count("--hash=sha256:") >= len(locked("requirements-shop.lock"))
    assert "://" not in text


@pytest.fixture
def answering(request: pytest.FixtureRequest) -> Iterator[int]:
    class Ready(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(request.param if self.path == "/health/ready" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Ready) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.parametrize(("answering", "code"), [(200, 0), (503, 1)], indirect=["answering"])
def test_the_check_of_the_image_says_whether_its_service_is_ready(answering: int, code: int) -> None:
    environment = {**os.environ, "PORT": str(answering)}
    checked = subprocess.run(
        [sys.executable, "-m", "services.ops.healthcheck"], cwd=ROOT, env=environment, capture_output=True, timeout=30
    )
    assert checked.returncode == code


def test_without_an_engine_make_images_says_so_and_ends_with_3() -> None:
    environment = {"PATH": os.environ["PATH"], "ENGINE": "no-such-engine"}
    result = subprocess.run([ROOT / "scripts/images"], env=environment, capture_output=True, text=True, timeout=30)
    assert result.returncode == 3
    assert "no container engine answers" in result.stderr
