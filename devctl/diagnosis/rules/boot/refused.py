"""A connection that was refused or not answered: to which address, and which service of the stack that is."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from devctl.core.status import GOOD, Status
from devctl.diagnosis.evidence import Cause, Confidence, Evidence, EvidenceKind
from devctl.diagnosis.facts import Facts, needs, variable_with
from devctl.diagnosis.loglines import LogLine, line_evidence
from devctl.diagnosis.rules.base import Rule, around, match_any, suspicious_lines

_REFUSED = (
    r"(?i:connection (?:was )?refused)", r"\bECONNREFUSED\b", r"(?i:actively refused)", r"(?i:connect(?:ion)? failed)",
    r"(?i:all connection attempts failed)", r"(?i:could not connect|cannot connect|can't connect|unable to connect"
    r"|failed to connect|couldn't connect|no brokers? available|NoBrokersAvailable|brokers? (?:are )?down)",
)  # fmt: skip
_LOST = (
    r"(?i:connect(?:ion)?(?: attempt)? (?:to \S+ )?timed out)", r"(?i:\bETIMEDOUT\b)", r"(?i:connect(?:ion)? ?timeout)",
    r"(?i:server closed the connection|connection reset by peer|broken pipe|connection (?:was )?(?:lost|closed"
    r"|aborted))",
    r"\bECONNRESET\b", r"(?i:read ?timeout|timed out)", r"(?i:i/o timeout|deadline exceeded)",
)  # fmt: skip
_HUNG_UP = re.compile(
    r"(?i:connection reset by peer|broken pipe|connection (?:was )?(?:lost|closed|aborted))|ECONNRESET|EPIPE"
)
"""What a server writes, too, when its clients went away: it is about whom the service calls only with an address."""

_ADDRESSES = (
    r"(?P<host>\d{1,3}(?:\.\d{1,3}){3}|localhost|\[::1\]|::1)['\"]?[:,)] ?(?:port[ =])?(?P<port>\d{2,5})\b",
    r"host='?(?P<host>[\w.-]+)'?, port=(?P<port>\d{2,5})",
    r"(?P<host>[\w.-]+|\[[\da-f:]+\]),? (?:\([^)]*\), )?port (?P<port>\d{2,5})",
    r"//(?:[^@/\s]*@)?(?P<host>[\w.-]+):(?P<port>\d{2,5})",
    r"(?P<host>[A-Za-z][\w.-]*):(?P<port>\d{2,5})\b",
    r"(?P<host>)\bport[ =:]+(?P<port>\d{2,5})",
)


def examine(facts: Facts, name: str) -> Iterator[Cause]:
    """Yield whom it could not reach."""
    lines, is_troubled = suspicious_lines(facts, name)
    for patterns, verb in ((_REFUSED, "is refused by"), (_LOST, "gets no answer from")):
        matches = [line for line in lines if match_any(patterns, line) and _is_about_a_callee(facts, name, line)]
        if matches and (is_troubled or len(matches) > 1):
            yield _cause(facts, name, lines, matches[-1], verb, is_weak=not is_troubled)
            return


def _is_about_a_callee(facts: Facts, name: str, line: LogLine) -> bool:
    """Whether a line tells of whom the service calls, not of who called it and went away."""
    if _address(facts, name, [line.raw])[1] in facts.owners_of_ports:
        return True
    return not _HUNG_UP.search(line.raw) and bool(facts.references(name) or _address(facts, name, [line.raw])[1])


def _cause(facts: Facts, name: str, lines: list[LogLine], line: LogLine, verb: str, *, is_weak: bool) -> Cause:
    host, port = _address(facts, name, [each.raw for each in around(lines, line)][::-1])
    other = facts.owners_of_ports.get(port, "") if port else _only_silent_one(facts, name)
    evidence = [line_evidence(name, around(lines, line)), *_now(facts, name, other, port)]
    port = port or min(facts.ports(other).values(), default=0)
    address = f"{host or 'localhost'}:{port}" if port else "what it connects to"
    variable = variable_with(facts, name, str(port)) if port else ""
    return Cause(
        name,
        "refused",
        f"{name} {verb} {f'{other} ({address})' if other else address}",
        _next(facts, name, other, port, variable),
        tuple(piece for piece in evidence if piece),
        Confidence.CERTAIN if port else Confidence.LIKELY,
        blames=(other,) if other and other != name else () if port else tuple(facts.references(name)),
        is_intrinsic=bool(port and not other),
        is_weak=is_weak,
        since_ns=line.at_ns,
        rank=30,
        instance=line.instance,
    )


def _address(facts: Facts, name: str, texts: list[str]) -> tuple[str, int]:
    """Return the address that the lines name, a port of the stack before any other; ("", 0) when none does."""
    others = {port for port, owner in facts.owners_of_ports.items() if owner != name}
    return address_in(texts, others, set(facts.ports(name).values()))


def address_in(texts: list[str], preferred: Collection[int] = (), not_meant: Collection[int] = ()) -> tuple[str, int]:
    """Return the first of the preferred ports that the texts name with its host, else the first port at all."""
    fallback = ("", 0)
    for match in (match for text in texts for pattern in _ADDRESSES for match in re.finditer(pattern, text)):
        host, port = match["host"], int(match["port"])
        if port in preferred:
            return host, port
        if port not in not_meant and not fallback[1]:
            fallback = (host, port)
    return fallback


def _only_silent_one(facts: Facts, name: str) -> str:
    """Return the only service that another refers to and on whose ports nobody listens; empty when there is not one."""
    if not facts.is_live:
        return ""
    silent = [
        other for other in facts.references(name)
        if (ports := facts.ports(other)) and not any(facts.survey.is_listening(port) for port in ports.values())
    ]  # fmt: skip
    return silent[0] if len(silent) == 1 else ""


def _now(facts: Facts, name: str, other: str, port: int) -> Iterator[Evidence]:
    """Yield how the other side is now."""
    if other:
        yield Evidence(EvidenceKind.STATUS, other, f"{other} is {facts.status(other).value} now", 0, {"service": other})
    if port and facts.is_live:
        is_open = facts.survey.is_listening(port)
        text = f"{'somebody' if is_open else 'nobody'} listens on port {port} now"
        yield Evidence(EvidenceKind.PORT, other or name, text, 0, {"port": port})


def _next(facts: Facts, name: str, other: str, port: int, variable: str) -> str:
    if not other:
        where = f"{variable} of {name} names it" if variable else f"it stands in the configuration of {name}"
        subject = f"No service of the stack has port {port}: {where}" if port else f"Look whom {name} connects to"
        return f"{subject}; write ${{services.NAME.PORT}} instead, then `devctl up {name}`."
    if facts.status(other) in GOOD:
        return (
            f"{other} is up now: let {name} wait for it (depends_on: "
            f"{{{other}: {{condition: service_healthy}}}}), then "
            f"`devctl up {name}`."
        )
    if facts.status(other) is Status.STARTING and not needs(facts, name, other):
        return (
            f"{other} is still starting: let {name} wait for it (depends_on: "
            f"{{{other}: {{condition: service_healthy}}}}), then `devctl up {name}`."
        )
    return f"Mend {other} first (`devctl why {other}`)."


RULE = Rule(
    "refused",
    "the last lines (`connection refused`, `timed out`), which service has that address, whether anybody listens there",
    "api is refused by postgres (127.0.0.1:5432)",
    "Mend postgres first, or let api wait for it (depends_on).",
    examine,
)
