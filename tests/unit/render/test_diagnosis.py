"""The text of `devctl why` at 80 columns, letter by letter (answers/*.txt), and that nothing is wider."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from devctl.render import diagnosis
from tests.unit.cli.fake_session import Screen

FOLDER = Path(__file__).parent / "answers"


def piece(text: str, *lines: str, service: str = "store") -> dict[str, Any]:
    return {"kind": "lines", "service": service, "text": text, "time": "", "pointer": {}, "lines": list(lines)}


def root(service: str, kind: str, sentence: str, next: str, **fields: Any) -> dict[str, Any]:
    made = {"service": service, "instance": f"{service}.1", "kind": kind, "sentence": sentence, "since": "",
            "confidence": "certain", "evidence": [], "path": [], "explains": [], "next": next}  # fmt: skip
    return {**made, **fields}


def view(*roots: dict[str, Any], **fields: Any) -> Any:
    made = {"state": "problem", "summary": "", "question": "", "run": "r", "since": "", "roots": list(roots),
            "ruled_out": [], "waiting": [], "notes": []}  # fmt: skip
    return {**made, **fields}


LOCKED = root(
    "store", "database-locked", "store waits for a lock on its database: database is locked",
    "Find who holds the lock (`fuser` on the database's file, pg_stat_activity on PostgreSQL) and end it; store then "
    "goes on by itself.",
    evidence=[piece("its last lines", "INSERT INTO entries", "sqlite3.OperationalError: database is locked (×12)"),
              piece("14 of 20 requests of GET /work failed, and no call of theirs did (trace 4bf92f35)")],
    path=[{"service": "store", "sentence": "store waits for a lock", "evidence": []},
          {"service": "book", "sentence": "book answers GET /work with errors (14 of 20), since its calls of store"
           " fail", "evidence": []},
          {"service": "front", "sentence": "front answers GET /work with errors (14 of 20), since its calls of book"
           " fail", "evidence": []}],
    explains=["book", "front", "audit"],
)  # fmt: skip
STOPPED = root(
    "kafka", "process-stopped", "kafka lives but does not run: pid 4711 (java) is stopped (state T)",
    "`kill -CONT 4711` lets it go on, unless a debugger holds it.", confidence="likely",
    path=[{"service": "kafka", "sentence": "", "evidence": []}],
    evidence=[piece("a word that is longer than any line: " + "x" * 90)],
)  # fmt: skip
ANSWERS: dict[str, Any] = {
    "one_root": view(LOCKED, ruled_out=[{"service": "audit", "sentence": "audit is healthy since 4 min 2 s"}]),
    "two_roots": view(LOCKED, STOPPED, notes=["jaeger, which is optional, cannot be had here: no Java"]),
    "healthy": view(state="healthy", summary="Everything is healthy since 3 min: 14 services, no evidence of a fault."),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_looks_as_it_shall_at_80_columns(name: str) -> None:
    lines = diagnosis.answer(ANSWERS[name], Screen(COLUMNS="80"))
    text = "\n".join(lines) + "\n"
    file = FOLDER / f"{name}.txt"
    if os.environ.get("DEVCTL_UPDATE_SNAPSHOTS"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert text == file.read_text()


def test_only_a_word_that_is_longer_is_wider_than_the_terminal() -> None:
    for columns in (60, 80, 100):
        lines = diagnosis.answer(ANSWERS["two_roots"], Screen(COLUMNS=str(columns)))
        assert [line for line in lines if len(line) > columns and "xxx" not in line] == []


def test_what_services_wrote_cannot_move_the_cursor() -> None:
    evil = view(root("a", "errors", "a \x1b[2J failed", "see \x1b]0;x\x07", evidence=[piece("\x1b[1m", "\x1b[2J")]))
    assert "\x1b" not in "".join(diagnosis.answer(evil, Screen(COLUMNS="80")))
