"""The shop: seven small services, one database each.

This module knows only their names and the ports that they use by default.
"""

from typing import Final

FRONT: Final = "gateway"
PORTS: Final[dict[str, int]] = {
    "gateway": 8080,
    "catalog": 8101,
    "cart": 8102,
    "order": 8103,
    "payment": 8104,
    "user": 8105,
    "notification": 8106,
}
