"""`devctl logs` over real log files: every filter, in and out of order, past runs, and following."""

import io
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from devctl.cli import main
from devctl.keeper.log import SegmentLog
from devctl.paths import StackPaths
from tests.integration.cli.fake_supervisor import answering, write_manifest
from tests.unit.cli.fake_session import Screen
from tests.unit.queries.spans import SECOND, record, span
from tests.waiting import eventually

START = 1_769_860_800_000_000_000  # 2026-01-31T12:00:00Z
TRACE = "0123456789abcdef0123456789abcdef"


class LogFolder:
    """A stack's folder with runs that the test fills."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths = StackPaths(folder)

    def write(self, instance: str, *lines: str, at: float = 0, run: str = "20260131-120000-abcd") -> None:
        folder = self.paths.runs / run / "logs" / instance
        folder.mkdir(parents=True, exist_ok=True)
        log = SegmentLog(str(folder), 1 << 24)
        for number, line in enumerate(lines):
            log.write(line.encode() + b"\n", START + int((at + number) * 1e9))
        log.close()

    def logs(self, line: str = "") -> str:
        screen = Screen()
        code = main.run(["--project-directory", str(self.folder), "logs", *line.split()], {}, screen)
        assert code == 0, screen.messages
        return screen.shown


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LogFolder]:
    with tempfile.TemporaryDirectory(prefix="dc") as runtime:
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        write_manifest(tmp_path)
        yield LogFolder(tmp_path.resolve())


def test_lines_of_all_services_are_merged_by_arrival(folder: LogFolder) -> None:
    folder.write("order.1", "one", "three")
    folder.write("cart.1", "two", at=0.5)
    assert folder.logs() == "order │ one\ncart  │ two\norder │ three\n"


@pytest.mark.parametrize(
    ("filters", "shown"),
    [
        ("order", ["ERROR boom", "calm", f"traced {TRACE}"]),
        ("--level warning", ["ERROR boom"]),
        ("--grep ca.m", ["calm"]),
        ("--grep CALM -i", ["calm"]),
        (f"--trace {TRACE}", [f"traced {TRACE}"]),
        ("--tail 2", [f"traced {TRACE}", "late"]),
        ("--tail 0", []),
        ("--since 2026-01-31T12:00:09Z", ["late"]),
        ("--until 2026-01-31T12:00:01Z", ["ERROR boom"]),
        ("--since 2026-01-31T12:00:01Z --until 2026-01-31T12:00:02Z", ["calm"]),
    ],
)
def test_each_filter_lets_through_what_it_says(folder: LogFolder, filters: str, shown: list[str]) -> None:
    folder.write("order.1", "ERROR boom", "calm", f"traced {TRACE}")
    folder.write("cart.1", "late", at=10)
    assert folder.logs(f"--no-log-prefix {filters}").splitlines() == shown


def test_json_tells_whose_each_line_is_and_when_it_came(folder: LogFolder) -> None:
    folder.write("order.2", "hello")
    assert json.loads(folder.logs("--json")) == {
        "time": "2026-01-31T12:00:00.000000Z", "service": "order", "instance": "order.2", "level": None,
        "message": "hello", "trace_id": None, "fields": {},
    }  # fmt: skip


def test_past_runs_stay_readable(folder: LogFolder) -> None:
    folder.write("order.1", "old", run="20260130-120000-aaaa")
    folder.write("order.1", "new")
    assert folder.logs("--no-log-prefix") == "new\n"
    assert folder.logs("--no-log-prefix --run 20260130") == "old\n"


def test_a_service_that_never_wrote_is_known_and_one_that_is_not_there_is_a_mistake(folder: LogFolder) -> None:
    folder.write("order.1", "x")
    (folder.paths.runs / "20260131-120000-abcd" / "spec.json").write_text('{"services": {"order": {}, "silent": {}}}')
    assert folder.logs("silent") == ""
    screen = Screen()
    assert main.run(["--project-directory", str(folder.folder), "logs", "ordr"], {}, screen) == 2
    assert "Did you mean 'order'?" in screen.messages


def test_lines_about_one_thing_are_those_that_name_it_and_those_of_its_traces(folder: LogFolder) -> None:
    other = TRACE[::-1]
    folder.write(
        "order.1",
        json.dumps({"message": "asked", "trace_id": TRACE}),
        json.dumps({"message": "created", "order_id": "o-1", "trace_id": TRACE}),
        json.dumps({"message": "created", "order_id": "o-2", "trace_id": other}),
        json.dumps({"message": "created", "note": "o-1", "trace_id": other}),
    )
    folder.write("payment.1", f"paid in trace {TRACE}", f"paid in trace {other}", "o-1 in plain text", at=10)
    (folder.paths.runs / "20260131-120000-abcd" / "spec.json").write_text(
        json.dumps({"services": {}, "journeys": [{"name": "order", "attribute": "x", "field": "order_id"}]})
    )
    shown = [json.loads(row)["message"] for row in folder.logs("--of o-1 --json").splitlines()]
    assert shown == ["asked", "created", f"paid in trace {TRACE}"]
    assert folder.logs("--of o-3") == ""


def test_lines_that_differ_only_in_what_varies_are_folded(folder: LogFolder) -> None:
    folder.write("order.1", *[f"order {n} took {n}.5 ms at 10.0.0.{n}:80" for n in range(3)], "ready")
    first, second = (json.loads(row) for row in folder.logs("--group --json").splitlines())
    assert (first["count"], first["template"]) == (3, "order <n> took <n> ms at <address>")
    assert (second["count"], second["example"]) == (1, "ready")
    assert folder.logs("--group").splitlines()[1].split()[0] == "3"


def test_traces_stand_between_the_lines_where_they_ended(folder: LogFolder) -> None:
    folder.write("order.1", "before", "after")
    began = (START - 1000 * SECOND) / SECOND
    record(folder.paths.runs / "20260131-120000-abcd", order=[span("GET /x", 1, began + 0.1, began + 0.4)])
    rows = folder.logs("--with-traces --no-log-prefix").splitlines()
    assert [rows[0], rows[2]] == ["before", "after"]
    assert "300 ms" in rows[1]
    assert "order GET /x" in rows[1]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ("", ["GET /x", "GET /y", "pay"]),
        ("order", ["GET /x", "GET /y"]),
        ("payment.1", ["pay"]),
        ("--level warning", ["GET /y"]),
        ("--grep /x", ["GET /x"]),
        ("--grep PAY -i", ["pay"]),
        ("--trace 00000000000000000000000000000002", ["GET /y"]),
        ("--until 2000-01-01T00:00:00Z", []),
        ("--since 2100-01-01T00:00:00Z", []),
        ("--tail 1", ["pay"]),
        ("--of o-1", ["GET /y"]),
    ],
)
def test_every_filter_holds_for_traces_among_the_lines_too(folder: LogFolder, options: str, names: list[str]) -> None:
    second = "0" * 31 + "2"
    folder.write("order.1", "early", json.dumps({"message": "early", "order_id": "o-1", "trace_id": second}))
    folder.write("payment.1", "late", at=0.5)
    began = (START - 1000 * SECOND) / SECOND
    record(
        folder.paths.runs / "20260131-120000-abcd",
        order=[
            span("GET /x", 1, began + 0.1, began + 0.4, trace=1),
            span("GET /y", 2, began + 0.1, began + 0.45, trace=2, error=True),
        ],
        payment=[span("pay", 3, began + 0.4, began + 1.5, trace=3)],
    )
    rows = folder.logs(f"--with-traces --json {options}").splitlines()
    assert [row["root"] for row in map(json.loads, rows) if "root" in row] == names


@pytest.mark.parametrize("line", ["--group -f", "--of x --tail 3", "--group --of x"])
def test_filters_that_do_not_go_together_are_refused(folder: LogFolder, line: str) -> None:
    folder.write("order.1", "x")
    screen = Screen()
    assert main.run(["--project-directory", str(folder.folder), "logs", *line.split()], {}, screen) == 2
    assert "do not go together" in screen.messages


def test_following_shows_history_then_what_comes_and_ends_with_the_stack(folder: LogFolder) -> None:
    folder.write("order.1", "before")
    screen = Screen()
    argv = ["--project-directory", str(folder.folder), "logs", "-f", "--no-log-prefix"]
    follower = threading.Thread(target=main.run, args=(argv, {}, screen), daemon=True)
    with answering(folder.paths, {}):
        follower.start()
        eventually(lambda: screen.shown == "before\n")
        folder.write("order.1", "during")
        folder.write("new.1", "of a new service")
        eventually(lambda: "during" in screen.shown and "of a new service" in screen.shown)
        folder.write("order.1", "last words")
        folder.paths.socket.unlink()
    follower.join(10)
    assert not follower.is_alive()
    assert screen.shown.splitlines()[-1] == "last words"


def test_a_reader_that_goes_away_ends_it_quietly(folder: LogFolder) -> None:
    folder.write("order.1", "x" * 1000, *["line"] * 5000)
    program = f"exec {sys.executable} -m devctl logs | head -n 1 | cut -c 1-11; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", program], cwd=folder.folder, env=dict(os.environ), capture_output=True, text=True, timeout=30
    )
    assert done.stdout.splitlines() == ["order │ x", "0"]
    assert done.stderr == ""


def test_output_in_another_encoding_is_no_failure(folder: LogFolder) -> None:
    folder.write("order.1", "grüße → ☃")
    buffer = io.BytesIO()
    screen = Screen()
    screen.out = io.TextIOWrapper(buffer, encoding="latin-1", errors="backslashreplace")
    assert main.run(["--project-directory", str(folder.folder), "logs"], {}, screen) == 0
    assert "grüße → ☃" in buffer.getvalue().decode()
