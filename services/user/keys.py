"""Make a new key to sign tokens with: `python -m services.user.keys`. Old ones count until their tokens are over."""

import sys

from services.common.runtime.settings import Settings
from services.user.key_ring import KeyRing
from services.user.settings import UserSettings


def main() -> int:
    """Make the key; the running service finds it by itself."""
    settings = Settings.read("user")
    user_settings = UserSettings.read(settings.environment)
    ring = KeyRing(settings.data_dir / "signing-keys", user_settings.token_seconds, user_settings.key_days)
    print(f"made the key {ring.rotate()}; it signs in a few seconds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
