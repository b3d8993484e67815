"""The keys that sign access tokens: made, read again, rotated and retired in a folder."""

import os
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import jwt

from services.common.http.auth import ALGORITHM, AUDIENCE, ISSUER
from services.common.runtime.ids import new_id
from services.user.domain import Account

# How long a new key is published before it signs: services fetch unknown keys at most every 2 s.
_PUBLISHED_AHEAD_SECONDS = 10
_RELOAD_SECONDS = 5


class KeyRing:
    """Ed25519 keys in a folder of their own (0700, files 0600); the newest that is old enough signs."""

    def __init__(self, folder: Path, lifetime_seconds: int, key_days: int) -> None:
        self.lifetime_seconds = lifetime_seconds
        self._folder, self._key_seconds = folder, key_days * 86_400
        self._read_at = float("-inf")
        self._keys: dict[str, tuple[float, Any]] = {}

    def sign(self, account: Account, session_id: str, now: datetime) -> str:
        """Return an access token."""
        key_id, key = self._signing_key()
        seconds = int(now.timestamp())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": account.id,
            "sid": session_id,
            "jti": new_id(),
            "iat": seconds,
            "exp": seconds + self.lifetime_seconds,
            "roles": list(account.roles),
        }
        return jwt.encode(claims, key, ALGORITHM, headers={"kid": key_id})

    def key_set(self) -> dict[str, Any]:
        """Return the public keys as a JWK set."""
        from jwt.algorithms import OKPAlgorithm

        self._reload()
        keys = []
        for key_id, (_made_at, key) in self._keys.items():
            public = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
            keys.append(public | {"kid": key_id, "use": "sig", "alg": ALGORITHM})
        return {"keys": keys}

    def rotate(self) -> str:
        """Make a new key now, and return its id."""
        key_id = _make_key(self._folder)
        self._read_at = float("-inf")
        return key_id

    def retire(self) -> None:
        """Make a new key when the newest is old, and delete those that no living token was signed with."""
        now = time.time()
        self._reload()
        if now - max(made_at for made_at, _key in self._keys.values()) > self._key_seconds:
            self.rotate()
        for key_id, (made_at, _key) in list(self._keys.items())[:-1]:
            if now - made_at > self._key_seconds + 2 * self.lifetime_seconds:
                (self._folder / f"{key_id}.pem").unlink(missing_ok=True)

    def _signing_key(self) -> tuple[str, Any]:
        self._reload()
        old_enough = [
            (key_id, key)
            for key_id, (made_at, key) in self._keys.items()
            if time.time() - made_at > _PUBLISHED_AHEAD_SECONDS
        ]
        first_id, (_made_at, first_key) = next(iter(self._keys.items()))
        return old_enough[-1] if old_enough else (first_id, first_key)

    def _reload(self) -> None:
        """Read the folder again when that was some time ago; make the first key if there is none."""
        if time.monotonic() - self._read_at < _RELOAD_SECONDS:
            return
        if not any(self._folder.glob("*.pem")):
            _make_key(self._folder)
        paths = sorted(self._folder.glob("*.pem"), key=lambda path: path.stat().st_mtime_ns)
        self._keys = {path.stem: self._keys.get(path.stem) or _read_key(path) for path in paths}
        self._read_at = time.monotonic()


def _make_key(folder: Path) -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key_id = new_id()
    text = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    half = folder / f".{key_id}"
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text)
    half.rename(folder / f"{key_id}.pem")
    return key_id


def _read_key(path: Path) -> tuple[float, Any]:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return path.stat().st_mtime, load_pem_private_key(path.read_bytes(), password=None)
