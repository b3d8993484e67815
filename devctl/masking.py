"""What must not be shown, by one rule for every output: secrets by the names of variables, options and query values,
and the user information of addresses.

Standard library only, nothing heavy at import: `devctl status` loads this.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

MASK = "********"
MIN_SECRET = 4  # a shorter value stands in too many words for hiding it wherever it stands

_PARTS = r"PASS|PASSPHRASES?|PWD|KEYS?|DSNS?|SECRETS?|TOKENS?|CREDENTIALS?|CREDS?"
_WITHIN = r"PASSWORD|PASSWD|SECRET|CREDENTIAL|TOKENS?(?![A-Z])|(?:API|ACCESS|PRIVATE|SIGNING|MASTER|AUTH)KEY"
_NAME = rf"(?:^|_)(?:{_PARTS})(?:_|$)|{_WITHIN}|(?<!BY|OM|UR|ER|ES)PASS(?:_|$)"
"""Names are compared in upper case with _ between their parts. MONKEY, TOKENIZER and BYPASS are no secrets."""
_CAMEL = r"(?<=[a-z0-9])(?=[A-Z])"
_URL = r"[A-Za-z][\w+.-]*://[^\s\"'<>`]+"
_USER = r"(?<=://)([^/?#\s:@]*)(:?)([^/?#\s]*)(?=@)"
_PAIR = r"([?&;#])([\w.%\[\]-]+)=([^&#;\s\"'<>`]+)"
_QUERY_NAMES = r"(?:.*[-_])?(?:SIG|SIGNATURE|AUTH|AUTHORIZATION|JWT)"
"""What also is a secret where it stands in a query: signed addresses and answers of a login."""
_OPTION = r"(?<![\w-])(--?[A-Za-z][\w.-]*)=(\"[^\"]*\"|'[^']*'|[^\s\"',;\])]+)"
_ASSIGNED = r"(?<![\w?&;#.-])([A-Za-z_][\w.]*)=(\"[^\"]*\"|'[^']*'|[^\s\"',;&\])]+)"
_HEADER = r"(?i)(\b(?:proxy-)?authorization[\"']?\s*[:=]\s*[\"']?(?:(?:bearer|basic|digest|token)\s+)?)([^\s\"',]+)"
_ADDRESS = r"(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9_.-]+):[0-9]{1,5}(?:,(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9_.-]+):[0-9]{1,5})*"
_REFERENCE = r"(?:\$\{(?:services|volumes|python)[\w.-]*\}[\w./:-]*)+"
"""What a manifest writes for an address or a folder that is known only at the start."""
_PATH = r"(?:~|\.{1,2})?(?:/[\w.@ -]+)+/?"
_RANDOM = r"(?=[^/]*[0-9])(?=[^/]*[a-z])(?=[^/]*[A-Z])[^/]{16,}"
"""A piece of a path that is as long and as mixed as keys are."""
_OPEN_NAMES = frozenset(("name", "uses", "image"))
_WORDS = frozenset(("true", "false", "none", "null", "yes", "auto"))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compile at the first use: most commands never meet a text that needs it."""
    return re.compile(pattern)


@cache
def is_secret(name: str) -> bool:
    """Tell whether a variable, option or key of this name holds something that must not be shown."""
    parts = _compiled(_CAMEL).sub("_", name).replace("-", "_").replace(".", "_").upper()
    return bool(_compiled(_NAME).search(parts))


def is_readable(value: str) -> bool:
    """Tell whether a value is a folder, a file or an address, which stays readable whatever its name."""
    if any(_compiled(pattern).fullmatch(value) for pattern in (_ADDRESS, _URL, _REFERENCE)):
        return True
    return bool(_compiled(_PATH).fullmatch(value)) and not _compiled(_RANDOM).search(value)


def masked(name: str, value: str) -> str:
    """Return `value` as it may be shown under its name: secrets are hidden, of addresses what is secret in them."""
    if value and is_secret(name):
        return _mask_address(value, is_key=True) if is_readable(value) else MASK
    return mask_text(value)


def mask_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return a copy of `environment` as it may be shown."""
    return {name: masked(name, value) for name, value in environment.items()}


def mask_arguments(arguments: Sequence[str], secrets: Iterable[str] = ()) -> list[str]:
    """Return an argument list as it may be shown: also what follows an option such as `--password` is hidden."""
    shown = [mask_text(argument, secrets) for argument in arguments]
    for index, option in _options(arguments):
        shown[index] = masked(option, arguments[index])
    return shown


def _options(arguments: Sequence[str]) -> Iterable[tuple[int, str]]:
    """Yield where the value of an option stands that follows it as a word of its own, and the option's name."""
    for index, (option, value) in enumerate(pairwise(arguments), start=1):
        name = option.lstrip("-")
        if name != option and "=" not in option and is_secret(name) and not value.startswith("-"):
            yield index, name


def secrets_in(value: object) -> set[str]:
    """Return the secrets in plain data: the values of secret names at any depth, and of options of argument lists.
    A word that also names a service, an image or a product stays readable: hiding `postgres` would hide nothing."""
    return _secrets_in(value) - set(_open_words(value))


def _open_words(value: object, name: str = "") -> Iterable[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            yield from _open_words(item, str(key))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _open_words(item)
    elif isinstance(value, str) and name in _OPEN_NAMES:
        yield from _compiled(r"[/:@]").split(value)


def _secrets_in(value: object, name: str = "") -> set[str]:
    if isinstance(value, Mapping):
        return set().union(*(_secrets_in(item, str(key)) for key, item in value.items()))
    if isinstance(value, list | tuple):
        texts = [item if isinstance(item, str) else "" for item in value]
        pairs = {option: texts[index] for index, option in _options(texts)}
        return secrets_of(pairs).union(*(_secrets_in(item) for item in value))
    return secrets_of({name: value}) if isinstance(value, str) else set()


def mask_value(value: Any, secrets: Iterable[str] = (), name: str = "") -> Any:
    """Return plain data (as of JSON) with everything in it masked, keys read as names."""
    if isinstance(value, Mapping):
        return {key: mask_value(item, secrets, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        if value and all(isinstance(item, str) for item in value):
            return mask_arguments(value, secrets)
        return [mask_value(item, secrets) for item in value]
    if not isinstance(value, str):
        return value
    shown = masked(name, value) if is_secret(name) else mask_text(value, secrets)
    return value if shown == value else shown  # what is not hidden stays the very text, with its way to be written


def secrets_of(environment: Mapping[str, str]) -> set[str]:
    """Return the values in `environment` that are hidden wherever they stand."""
    return {
        value
        for name, value in environment.items()
        if len(value) >= MIN_SECRET and is_secret(name) and not is_readable(value) and not _is_common(value)
    }


def _is_common(value: str) -> bool:
    return value.lower() in _WORDS or (value.isdigit() and len(value) <= 5)  # a port, a time, a count


def mask_text(text: str, secrets: Iterable[str] | Mapping[str, str] = ()) -> str:
    """Return free text with these secrets hidden (those of an environment when it is one), and with what is secret
    in its addresses, options, assignments and headers."""
    values = secrets_of(secrets) if isinstance(secrets, Mapping) else set(secrets)
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, MASK)
    if "://" in text or "?" in text:
        text = _mask_address(text, is_key=False)
    if "=" in text or "-" in text:
        text = _compiled(_OPTION).sub(_option, text)
        text = _compiled(_ASSIGNED).sub(_assigned, text)
    return _compiled(_HEADER).sub(rf"\1{MASK}", text) if "uthorization" in text else text


def _mask_address(text: str, *, is_key: bool) -> str:
    """Return text with user information and secret query values of addresses hidden. With `is_key` (a DSN) a user
    name alone is the secret; elsewhere it is only when it looks like a key."""

    def user(match: re.Match[str]) -> str:
        name, colon, _ = match.groups()
        if colon:
            return f"{name}:{MASK}"
        return MASK if is_key or _compiled(_RANDOM).search(name) or len(name) >= 20 else name

    text = _compiled(_USER).sub(user, text)
    return _compiled(_PAIR).sub(_query_value, text)


def _query_value(match: re.Match[str]) -> str:
    mark, name, value = match.groups()
    hidden = is_secret(name) or bool(_compiled(rf"(?i:{_QUERY_NAMES})").fullmatch(name))
    return f"{mark}{name}={MASK if hidden else value}"


def _option(match: re.Match[str]) -> str:
    option, value = match.groups()
    return f"{option}={masked(option.lstrip('-'), value)}" if is_secret(option.lstrip("-")) else match[0]


def _assigned(match: re.Match[str]) -> str:
    """Hide NAME=VALUE; a bare `key=` in small letters is what logs call an identifier."""
    name, value = match.groups()
    if not is_secret(name) or name in ("key", "keys"):
        return match[0]
    return f"{name}={masked(name, value)}"
