"""The credential between services: SERVICE_TOKEN, else a file that the first service to start makes."""

import os
import secrets
from pathlib import Path

from services.common.runtime.settings import Settings

HEADER = "x-service-token"


def service_token(settings: Settings) -> str:
    """Return the shared credential, making it (0600, in the shared folder of secrets) if nobody has yet."""
    configured = settings.environment.text("SERVICE_TOKEN")
    return configured or shared_secret(settings.secrets_dir / "service.token")


def shared_secret(path: Path) -> str:
    """Read a secret from a file; make it if it is missing, so that of several makers all get the same one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        _make(path)
    return path.read_text().strip()


def _make(path: Path) -> None:
    """Write a draft and link it into place: the first process to link has made it for all."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(32))
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
