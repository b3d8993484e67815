"""What the user service reads from its environment beside the common settings."""

from dataclasses import dataclass

from services.common.runtime.settings import Environment


@dataclass(frozen=True, slots=True)
class UserSettings:
    """Parameters of passwords and tokens; the defaults are those that OWASP asks for."""

    argon2_memory_kib: int
    argon2_passes: int
    token_seconds: int
    key_days: int

    @classmethod
    def read(cls, environment: Environment) -> "UserSettings":
        """Read the settings."""
        return cls(
            argon2_memory_kib=environment.whole("ARGON2_MEMORY_KIB", 19 * 1024),
            argon2_passes=environment.whole("ARGON2_PASSES", 2),
            token_seconds=environment.whole("ACCESS_TOKEN_SECONDS", 900),
            key_days=environment.whole("SIGNING_KEY_DAYS", 30),
        )
