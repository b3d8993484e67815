"""Times as people type them."""

from __future__ import annotations

import re
import time

_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?")


def moment(text: str, now_ns: int) -> int:
    """Return the nanoseconds that `12:30:05`, `5m` (ago) or an RFC 3339 time means; ValueError when it is none."""
    from datetime import UTC, datetime

    from devctl.text import parse_duration

    text = text.strip()
    if match := _CLOCK.fullmatch(text):
        now = time.localtime(now_ns // 1_000_000_000)
        hour, minute, second = int(match[1]), int(match[2]), int(match[3] or 0)
        if hour > 23 or minute > 59 or second > 59:
            raise ValueError(f"no time of day: {text!r}")
        day = (now.tm_year, now.tm_mon, now.tm_mday, hour, minute, second, 0, 0, -1)
        seconds = int(time.mktime(day))
        seconds -= 86_400 if seconds > now_ns // 1_000_000_000 else 0
        return seconds * 1_000_000_000 + int((match[4] or "0").ljust(9, "0"))
    try:
        return now_ns - int(parse_duration(text) * 1e9)
    except ValueError:
        pass
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"no time: {text!r}; 12:30:05, 5m (ago) or 2026-01-31T12:00:00Z is one") from None
    aware = parsed if parsed.tzinfo else parsed.astimezone(UTC)
    return int(aware.timestamp() * 1e6) * 1000
