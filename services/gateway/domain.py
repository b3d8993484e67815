"""Which path belongs to which service, who may ask how often, and which version answers. No I/O."""

import hashlib
import ipaddress
import math
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

# What is reachable from outside: everything else is not.
PREFIXES: Final[Mapping[str, str]] = {
    "/api/v1/users": "user",
    "/api/v1/sessions": "user",
    "/.well-known/jwks.json": "user",
    "/api/v1/products": "catalog",
    "/api/v1/categories": "catalog",
    "/api/v1/cart": "cart",
    "/api/v1/orders": "order",
    "/api/v1/payments": "payment",
    "/api/v1/notifications": "notification",
}
ALIASES: Final[Mapping[str, str]] = {"/orders": "/api/v1/orders"}
SERVICES: Final = tuple(dict.fromkeys(PREFIXES.values()))
_SAFE_IN_PATH: Final = "/:@!$&'()*+,;="  # RFC 3986, 3.3


@dataclass(frozen=True, slots=True)
class Target:
    """Where a path leads."""

    service: str
    path: str
    prefix: str

    def quoted(self) -> str:
        """Return the path as it goes into an address: what was `%3F` stays a part of the path."""
        return quote(self.path, safe=_SAFE_IN_PATH)


def route(path: str) -> Target | None:
    """Return the service that a path belongs to, under its real path; None if it belongs to nobody."""
    for alias, real in ALIASES.items():
        if _lies_under(path, alias):
            path = real + path[len(alias) :]
    if "//" in path or "/../" in f"{path}/" or "/./" in f"{path}/":
        return None
    for prefix, service in PREFIXES.items():
        if _lies_under(path, prefix):
            return Target(service, path, prefix)
    return None


def _lies_under(path: str, prefix: str) -> bool:
    return path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in ("", "/")


class Templates:
    """The route templates of the documents, so that a metric names a route and never a path."""

    def __init__(self, templates: Iterable[str]) -> None:
        self._by_length: dict[int, list[tuple[str, tuple[str, ...]]]] = {}
        for template in sorted(templates, key=lambda text: text.count("{")):
            parts = tuple(template.split("/"))
            self._by_length.setdefault(len(parts), []).append((template, parts))

    def match(self, target: Target) -> str:
        """Return the template that a path fits, else its prefix."""
        parts = target.path.split("/")
        for template, expected in self._by_length.get(len(parts), ()):
            if all(pattern == part or pattern[:1] == "{" for pattern, part in zip(expected, parts, strict=True)):
                return template
        return f"{target.prefix}/*"


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float


@dataclass
class RateLimit:
    """So many calls a second for each key, the same number at once; forgets the keys used longest ago."""

    per_second: float
    most_keys: int = 20_000  # some 4 MB; more callers than that at once and the oldest start afresh
    _buckets: "OrderedDict[str, _Bucket]" = field(default_factory=OrderedDict)

    def wait_seconds(self, key: str, now: float) -> int:
        """Take one call; return 0, or the whole seconds until one is free."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(self.per_second, now)
            if len(self._buckets) > self.most_keys:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(key)
        bucket.tokens = min(self.per_second, bucket.tokens + (now - bucket.filled_at) * self.per_second)
        bucket.filled_at = now
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return 0
        return max(1, math.ceil((1 - bucket.tokens) / self.per_second))


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def client_address(peer: str, forwarded_for: str, trusted: Sequence[Network]) -> str:
    """Return who is calling: the first address from the right that is none of our own proxies."""
    address = peer
    for hop in reversed([part.strip() for part in forwarded_for.split(",") if part.strip()]):
        if not _is_trusted(address, trusted) or not _is_address(hop):
            break
        address = hop
    return address


def _is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    return _is_address(address) and any(ipaddress.ip_address(address) in network for network in trusted)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Split:
    """How the calls to one service are divided between its versions."""

    weights: Mapping[str, int] = field(default_factory=dict)
    header: str = ""
    is_sticky: bool = False

    def version(self, headers: Mapping[str, str], who: str, draw: float) -> str:
        """Return the version that shall answer, or nothing if any may.

        `draw` is in [0, 1); a sticky split takes a fixed position of the caller instead, so each keeps its version.
        """
        named = headers.get(self.header.lower(), "") if self.header else ""
        if named in self.weights:
            return named
        total = sum(self.weights.values())
        if not total:
            return ""
        point = (_position(who) if self.is_sticky else draw) * total
        for version, weight in self.weights.items():
            point -= weight
            if point < 0:
                return version
        return list(self.weights)[-1]


def _position(who: str) -> float:
    """Map a caller to a fixed position in [0, 1)."""
    return int.from_bytes(hashlib.sha256(who.encode()).digest()[:6]) / (1 << 48)
