"""The shared credential: one for all, private, without a hand's work."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from services.common.runtime.secrets import service_token, shared_secret
from services.common.runtime.settings import Environment, Settings


def test_services_that_start_at_once_get_the_same_secret(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "service.token"
    with ThreadPoolExecutor(16) as pool:
        secrets = set(pool.map(lambda _: shared_secret(path), range(64)))
    assert len(secrets) == 1
    assert len(secrets.pop()) >= 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [other.name for other in path.parent.iterdir()] == ["service.token"]


def test_the_environment_comes_before_the_file(tmp_path: Path) -> None:
    environment = Environment({"DATA_DIR": str(tmp_path / "x"), "SERVICE_TOKEN": "given"})
    assert service_token(Settings.read("order", environment)) == "given"
    assert not (tmp_path / "secrets").exists()
