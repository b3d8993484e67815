"""Values that look like secrets, in log lines, span attributes and files. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from devctl.masking import MASK

MASKED = re.compile(r"[*•x]{3,}|<[^>]*>|\[[^\]]*\]|\(?(?:hidden|redacted|masked|removed|none|null|true|false)\)?", re.I)
_REMARK = re.compile(
    r"required|missing|invalid|expired|incorrect|mismatch\w*|rejected|accepted|changed|updated|undefined|not[_-]set|unset|"
    r"too[_-](?:short|long|weak)|string",
    re.I,
)
"""What is said of a value in its place. Nobody is accused of it; it is hidden all the same, for it may be the value."""
_PATTERNS = (
    ("a token (JWT)", re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}")),
    ("a private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")),
    ("a key of AWS", re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")),
    ("a token of GitHub", re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,})\b")),
    ("a token of Slack", re.compile(r"\bxox[abpr]-[A-Za-z0-9-]{10,}")),
    ("a bearer token", re.compile(r"\b[Bb]earer\s+(?P<value>[A-Za-z0-9._~+/-]{16,}=*)")),
    ("a password in an address", re.compile(r"\b[a-z][a-z0-9+.-]*://[^/\s:@\"']+:(?P<value>[^/\s:@\"']+)@")),
    (
        "the value of a secret",
        re.compile(
            r"(?i)[\"']?\b[\w.-]*(?:password|passwd|secret|api_?key|access_?token|refresh_?token|client_?secret|card_?number)"
            r"[\"']?\s*[=:]\s*[\"']?(?P<value>[^\s\"',;&}]{6,})"
        ),
    ),
)  # fmt: skip
_ISSUER = r"4|5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)|35(?:2[89]|[3-8])|6(?:011|2|4[4-9]|5)|3[47]"
"""The first digits that card networks have (ISO/IEC 7812-1); a random number has them in one of four cases."""
_CARD = re.compile(
    rf"(?<![\w.-])(?={_ISSUER})"
    r"(?:\d{16}|\d{4}(?P<gap>[ -])\d{4}(?P=gap)\d{4}(?P=gap)\d{4}"
    r"|3[47]\d{13}|3[47]\d\d(?P<space>[ -])\d{6}(?P=space)\d{5})"
    r"(?![\w.-])"
)
_NAMED_ID = re.compile(
    r"""(?:(?<![A-Za-z])[Ii][Dd]|(?<=[a-z])I[Dd]|(?i:trace|span|parent|request|correlation)id)["']?\s*[:=]\s*["']?$"""
)
"""What stands before an id: of 19,000 span ids (16 hexadecimal digits), one passes for a card number."""
_NAME_LENGTH = 32
SHOWN = 4


def find(text: str, values: Iterable[str] = ()) -> Iterator[tuple[str, str]]:
    """Yield what looks like a secret in a text: what it is, and its first characters; also each of `values`."""
    for value in values:
        if value and value in text:
            yield "a secret that a check sent or got", shown(value)
    for what, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            value = match.groupdict().get("value") or match[0]
            if not MASKED.fullmatch(value) and not _REMARK.fullmatch(value):
                yield what, shown(value)
    for match in _CARD.finditer(text):
        name = text[max(0, match.start() - _NAME_LENGTH) : match.start()]
        if _passes_luhn(re.sub(r"\D", "", match[0])) and not _NAMED_ID.search(name):
            yield "a card number", shown(match[0])


def shown(value: str) -> str:
    """Return enough of a secret to find it, and no more."""
    return f"{value[:SHOWN]}… ({len(value)} characters)"


def hide(text: str, values: Iterable[str] = ()) -> str:
    """Return a text without the secrets that `find` finds in it."""
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, MASK)
    for _, pattern in _PATTERNS:
        text = pattern.sub(_hidden, text)
    return text


def _hidden(match: re.Match[str]) -> str:
    value = match.groupdict().get("value") or match[0]
    return match[0] if MASKED.fullmatch(value) else match[0].replace(value, MASK)


def _passes_luhn(digits: str) -> bool:
    if len(set(digits)) == 1:
        return False
    doubled = [int(d) * (2 if i % 2 else 1) for i, d in enumerate(reversed(digits))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


_ID = re.compile(
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-|\b[0-9a-fA-F]{16,}\b|(?<![\w.])\d{3,}(?![\w.])|[\w.+-]+@[\w-]+\.\w+|\?[\w-]+="
)


def unbounded(name: str) -> bool:
    """Tell whether a name holds an id, an address of somebody, or a query, so that there is no end to such names."""
    return _ID.search(name) is not None


def blot(content: bytes) -> bytes:
    """Return bytes with what looks like a secret replaced by as many stars, so that nothing moves."""
    for _, pattern in _BYTE_PATTERNS:
        content = pattern.sub(_blotted, content)
    return content


def _blotted(match: re.Match[bytes]) -> bytes:
    name = "value" if "value" in match.re.groupindex else 0
    start, end = match.start(name) - match.start(), match.end(name) - match.start()
    whole = match[0]
    if MASKED.fullmatch(whole[start:end].decode("utf-8", "replace")):
        return whole
    return whole[:start] + b"*" * (end - start) + whole[end:]


_BYTE_PATTERNS = [
    (what, re.compile(pattern.pattern.encode(), pattern.flags & re.IGNORECASE)) for what, pattern in _PATTERNS
]
