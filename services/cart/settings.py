"""What cart reads from its environment."""

from dataclasses import dataclass

from services.common.runtime.settings import Environment


@dataclass(frozen=True, slots=True)
class CartSettings:
    """The settings of cart beside those of every service."""

    # On where the shop is reached over https; a cookie that is Secure never comes back over plain http.
    is_cookie_secure: bool

    @classmethod
    def read(cls, env: Environment) -> "CartSettings":
        """Read COOKIE_SECURE."""
        return cls(is_cookie_secure=env.switch("COOKIE_SECURE"))
