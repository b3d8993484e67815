"""What commands ask of the session, what they show of its answers, and how they end."""

import json
from pathlib import Path
from typing import Any

import pytest

from devctl.actions.access import Selection, StackAccess
from devctl.cli.commands import status
from devctl.cli.commands.status import HOME_AND_CLEAR, StatusOptions
from devctl.cli.context import Context
from devctl.errors import DevctlError, EnvironmentProblem, ExitCode, UsageError
from devctl.render import diagnosis, table
from tests.unit.cli.conftest import Run
from tests.unit.cli.fake_session import FakeSession, Screen, instance, service, settled, stack


def test_status_shows_a_row_for_each_service_and_ends_with_0_when_all_is_well(run: Run) -> None:
    session = FakeSession(stack(service("order", ports={"http": "127.0.0.1:8103"}), service("cart")))
    code, screen = run("status", session)
    assert code == 0
    assert "http://127.0.0.1:8103" in screen.shown
    assert "43 MB" in screen.shown
    assert [line.split()[0] for line in screen.shown.splitlines()] == ["shop", "SERVICE", "order", "cart"]


def test_status_ends_with_1_when_something_that_matters_is_not_good(run: Run) -> None:
    view = stack(service("order", "failed", reason="exit code 3", cure="see the log"))
    code, screen = run("status", FakeSession(view))
    assert code == 1
    assert "exit code 3; see the log" in screen.shown


def test_an_optional_service_that_is_missing_leaves_status_at_0_with_its_reason(run: Run) -> None:
    view = stack(service("order"), service("grafana", "unavailable", optional=True, reason="no network", instances=[]))
    code, screen = run("status", FakeSession(view))
    assert code == 0
    assert "no network" in screen.shown


def test_status_json_is_the_session_s_answer(run: Run) -> None:
    session = FakeSession()
    code, screen = run("status --json", session)
    assert json.loads(screen.shown) == session.view
    assert (code, screen.messages) == (0, "")


def test_each_replica_has_a_row_of_its_own(run: Run) -> None:
    both = [instance("order.1"), instance("order.2", restarts=3)]
    _, screen = run("status", FakeSession(stack(service("order", instances=both))))
    assert "  order.2" in screen.shown
    assert sum("order" in line for line in screen.shown.splitlines()) == 3


def test_hostile_names_and_reasons_reach_the_terminal_as_text_without_control_sequences(run: Run) -> None:
    evil = "\x1b]0;owned\x07[/bold]\x1b[2J\u202e"
    view = stack(service("order" + evil, "failed", reason=evil))
    _, screen = run("status", FakeSession(view), FORCE_COLOR="1")
    assert "[/bold]" in screen.shown
    assert "\x1b]" not in screen.shown
    assert "\x1b[2J" not in screen.shown
    assert "\u202e" not in screen.shown


@pytest.mark.parametrize(("variable", "coloured"), [("NO_COLOR", False), ("FORCE_COLOR", True), ("OTHER", False)])
def test_colours_follow_the_environment(run: Run, variable: str, coloured: bool) -> None:
    _, screen = run("status", FakeSession(), **{variable: "1"})
    assert ("\x1b[" in screen.shown) is coloured


def test_the_no_color_flag_beats_the_environment(run: Run) -> None:
    _, screen = run("--no-color status", FakeSession(), FORCE_COLOR="1")
    assert "\x1b[" not in screen.shown


@pytest.mark.parametrize(
    ("line", "call"),
    [
        ("stop order", ("stop", ["order"])),
        ("start order cart", ("start", ["order", "cart"])),
        ("restart order --with-dependents", ("restart", (["order"], True))),
        ("restart order --all-at-once", ("restart", (["order"], False, "all at once"))),
        ("scale order=3 cart=0", ("scale", {"order": 3, "cart": 0})),
        ("fault remove order_latency_1", ("remove_faults", ["order_latency_1"])),
        ("fault remove --all", ("remove_faults", [])),
        (
            "fault add order --latency 200ms --jitter 50 --for 30s --seed 4",
            (
                "add_fault",
                (
                    {
                        "service": "order",
                        "kind": "latency",
                        "stream": "downstream",
                        "toxicity": 1.0,
                        "seed": 4,
                        "milliseconds": 200.0,
                        "jitter": 50.0,
                    },
                    30.0,
                ),
            ),
        ),
        (
            "fault add order --reset 10% --upstream",
            ("add_fault", ({"service": "order", "kind": "reset_peer", "stream": "upstream", "toxicity": 0.1}, None)),
        ),
        (
            "fault add order --bandwidth 1.5MB/s --toxicity 0.3",
            (
                "add_fault",
                (
                    {"service": "order", "kind": "bandwidth", "stream": "downstream", "toxicity": 0.3, "rate": 1500.0},
                    None,
                ),
            ),
        ),
        ("pause order cart.1", ("pause", ["order", "cart.1"])),
        ("unpause order", ("unpause", ["order"])),
        ("kill order", ("kill", (["order"], "SIGKILL"))),
        ("kill -s term order", ("kill", (["order"], "SIGTERM"))),
        ("kill order.1 -s 1", ("kill", (["order.1"], "SIGHUP"))),
        ("down", ("down", (False, False))),
        ("down -v --yes", ("down", (True, False))),
        ("down --now", ("down", (False, True))),
        ("ps", ("status", None)),
        ("why", ("snapshot", None)),
        ("health", ("check", [])),
    ],
)
def test_commands_ask_the_session_for_what_they_say(run: Run, line: str, call: tuple[str, object]) -> None:
    session = FakeSession()
    code, screen = run(line, session)
    assert call in session.calls, screen.messages
    assert code == 0


@pytest.mark.parametrize("line", ["stop ordr", "kill ordr", "why ordr", "restart ordr", "status ordr", "open ordr"])
def test_a_misspelt_service_is_a_usage_mistake_that_names_the_nearest(run: Run, line: str) -> None:
    code, screen = run(line, FakeSession())
    assert code == 2
    assert "Did you mean 'order'?" in screen.messages


@pytest.mark.parametrize(
    "line", ["stop order", "kill order", "health", "wait", "exec order -- true", "env order", "pause order", "top"]
)
def test_what_needs_a_running_stack_says_so_where_none_runs(run: Run, line: str) -> None:
    code, screen = run(line, None)
    assert code == 1
    assert "devctl up -d" in screen.messages


def test_down_without_a_running_stack_is_no_failure(run: Run) -> None:
    assert run("down", None)[0] == 0


def test_deleting_data_without_a_terminal_needs_yes(run: Run) -> None:
    session = FakeSession()
    code, screen = run("down --volumes", session)
    assert code == 2
    assert "--yes" in screen.messages
    assert session.calls == []


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (DevctlError("bad"), 1),
        (UsageError("bad"), 2),
        (EnvironmentProblem("bad"), 3),
        (OSError(28, "No space left on device", "/x"), 3),
        (KeyboardInterrupt(), 130),
        (BrokenPipeError(), 0),
    ],
)
def test_every_kind_of_failure_has_its_exit_code(run: Run, failure: BaseException, code: int) -> None:
    assert run("status", FakeSession(fail=failure))[0] == code


def test_a_bug_of_devctl_ends_with_4_and_a_report_without_secrets(run: Run, tmp_path: object) -> None:
    failure = RuntimeError("cannot use hunter22")
    code, screen = run("status", FakeSession(fail=failure), DB_PASSWORD="hunter22")
    path = screen.messages.rsplit("written to ", 1)[1].strip().rstrip(".")
    written = Path(path)
    report = written.read_text()
    assert written.stat().st_mode & 0o777 == 0o600
    written.unlink()
    assert code == ExitCode.BUG
    assert "Traceback" in report
    assert "hunter22" not in report + screen.messages
    assert "Traceback" not in screen.messages


def test_an_error_says_what_where_and_what_next(run: Run) -> None:
    failure = EnvironmentProblem(
        "port 8080 is taken by nginx (pid 7)", where="gateway", next="Stop it with `devctl down`."
    )
    _, screen = run("status", FakeSession(fail=failure), PATH="")
    assert screen.messages.startswith("error: gateway: port 8080 is taken by nginx (pid 7)\n  Stop it with `")


def test_env_masks_secrets_until_they_are_asked_for(run: Run) -> None:
    session = FakeSession()
    session.launches = [{"instance": "order.1", "environment": {"B_TOKEN": "hunter22", "A": "1"}}]
    assert run("env order", session)[1].shown == "A=1\nB_TOKEN=********\n"
    assert "hunter22" in run("env order.1 --reveal", session)[1].shown
    assert json.loads(run("env order --json", session)[1].shown) == {"A": "1", "B_TOKEN": "********"}


def test_why_shows_the_chain_down_to_the_root_with_evidence_and_the_next_step() -> None:
    link = {"instance": "", "status": "blocked", "next": "", "exit_code": None, "answer": "", "lines": []}
    view: Any = {
        "service": "order",
        "status": "blocked",
        "chain": [
            {**link, "service": "order", "says": "order waits for kafka"},
            {
                **link, "service": "kafka", "says": "kafka ended with exit code 1", "next": "Run it again.",
                "lines": ["\x1b[2Jout of memory"], "answer": "connection refused",
            },
        ],
    }  # fmt: skip
    assert [line.strip() for line in diagnosis.lines(view, Screen())][:6] == [
        "order waits for kafka", "└ kafka ended with exit code 1",
        "its check saw: connection refused", "its last lines:", "out of memory", "next: Run it again.",
    ]  # fmt: skip


def test_why_explains_what_the_session_has_and_ends_with_1(run: Run) -> None:
    session = FakeSession()
    session.world.unready("order.1")
    code, screen = run("why order", session)
    assert code == 1
    assert screen.shown.startswith("order says itself that it is not ready: 503")


def test_why_as_json_has_what_a_person_should_know_of_the_stack_among_its_notes(run: Run) -> None:
    session = FakeSession()
    session.view = {**session.view, "notice": "the disk of this stack is full"}
    _, screen = run("why --json", session)
    assert json.loads(screen.shown)["notes"][0] == "the disk of this stack is full"


def test_health_ends_with_1_when_a_check_says_no(run: Run) -> None:
    session = FakeSession()
    session.answers = [
        {
            "service": "order",
            "instance": "order.1",
            "healthy": False,
            "check": "GET /",
            "answer": "503",
            "milliseconds": 2,
        }
    ]
    code, screen = run("health", session)
    assert code == 1
    assert "503" in screen.shown


def test_wait_returns_when_everything_that_matters_is_good(run: Run) -> None:
    session = FakeSession(stack(service("order", "starting"), service("grafana", "starting", optional=True)))
    session.items = [{"services": [service("order")]}]
    assert run("wait", session)[0] == 0


def test_wait_ends_at_once_when_a_service_failed_for_good(run: Run) -> None:
    session = FakeSession(stack(service("order", "starting")))
    session.items = [{"services": [service("order", "failed")]}, {"services": [service("order")]}]
    code, screen = run("wait order", session)
    assert code == 1
    assert "order will not become healthy" in screen.messages


def test_progress_is_plain_lines_away_from_a_terminal_and_json_lines_on_request(run: Run) -> None:
    session = FakeSession()
    session.items = [
        {"services": [service("order", "blocked", waits_for=["kafka", "consul"])]},
        {"services": [service("order", started_seconds=4.1)]},
    ]
    link = {"service": "order", "step": "start", "seconds": 1.0, "ready_seconds": 1.0}
    session.result = settled(critical_path=[link])
    assert "waits for kafka and consul" in run("start", session)[1].messages
    kinds = [json.loads(line)["type"] for line in run("start --json", session)[1].shown.splitlines()]
    assert kinds == ["service", "service"]


@pytest.mark.parametrize(
    "line", ["--tail x logs", "logs --tail x", "up --run-as magic", "wait --timeout soon", "kill order -s NOPE"]
)
def test_values_that_do_not_fit_are_usage_mistakes(run: Run, line: str) -> None:
    assert run(line, FakeSession())[0] == 2


@pytest.mark.parametrize("name", ["../x", "a/b", "-x", "x" * 64, "a b", "\x1b[2J"])
def test_a_project_name_that_is_no_name_is_refused(run: Run, name: str) -> None:
    code, screen = run(f"--project-name={name.replace(' ', '%20')} status", FakeSession())
    assert code == 2
    assert "cannot name a stack" in screen.messages


def test_open_prints_the_address(run: Run) -> None:
    view = stack(service("web", page="http://127.0.0.1:1/"), service("db"))
    assert run("open web --print", FakeSession(view))[1].shown == "http://127.0.0.1:1/\n"
    assert run("open db --print", FakeSession(view))[0] == 2


class NarrowScreen(Screen):
    """A small terminal."""

    @property
    def is_terminal(self) -> bool:
        return True


@pytest.mark.parametrize("columns", [20, 40, 60, 80])
def test_watched_status_keeps_its_headline_on_a_small_terminal(columns: int) -> None:
    services = [service(f"a-service-with-a-name-{n}", ports={"http": "127.0.0.1:8000"}) for n in range(30)]
    screen = NarrowScreen(COLUMNS=str(columns), LINES="12", NO_COLOR="1")
    context = Context(StackAccess(Selection(), {}), screen)
    status.show(context, stack(*services), StatusOptions({"watch": True}, {}))
    lines = screen.shown.removeprefix(HOME_AND_CLEAR).splitlines()
    assert lines[0].startswith("shop is healthy")
    assert lines[-1] == "… and 22 more"
    assert len(lines) == 11
    assert all(table.width(line) <= columns for line in lines)


def test_stop_kill_wait_open_and_prune_answer_in_json(run: Run) -> None:
    session = FakeSession(stack(service("order", ports={"http": "127.0.0.1:8103"})))
    assert json.loads(run("stop order --json", session)[1].shown) == {"stopped": ["order"], "seconds": 1.2}
    assert json.loads(run("kill order --json", session)[1].shown)["signal"] == "SIGKILL"
    assert json.loads(run("wait --json", session)[1].shown) == {"healthy": True, "reason": "", "why": []}
    opened = json.loads(run("open order --print --json", session)[1].shown)
    assert opened == {"service": "order", "address": "http://127.0.0.1:8103", "opened": False}
    pruned = json.loads(run("prune --dry-run --json", session)[1].shown)
    assert pruned == {"runs": [], "volumes": [], "bytes": 0, "deleted": False}


def test_tools_install_goes_on_after_a_name_that_fails(run: Run) -> None:
    code, screen = run("tools install no-such-tool neither --json", None)
    assert code == 2
    failures = [json.loads(line) for line in screen.shown.splitlines()]
    assert [(each["type"], each["name"]) for each in failures] == [("failure", "no-such-tool"), ("failure", "neither")]


def test_tools_install_without_names_installs_what_the_manifest_needs(run: Run, tmp_path: Path) -> None:
    code, screen = run("tools install", None)
    assert (code, screen.messages) == (0, "Nothing here needs a native program.\n")


@pytest.mark.parametrize(
    "line",
    [
        "scale order", "scale order=x", "scale order=-1", "scale nobody=2", "fault add order",
        "fault add order --latency 1ms --down", "fault add order --down --jitter 1ms", "fault add order --reset 0%",
        "fault add order --reset 101%", "fault add order --bandwidth much", "fault add nobody --down", "fault remove",
        "fault remove x --all",
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_a_usage_error(run: Run, line: str) -> None:
    code, _ = run(line, FakeSession())
    assert code == 2


def two_instances() -> FakeSession:
    instances = [
        instance(f"order.{number}", ports={"http": f"127.0.0.1:{8103 + number}"}) for number in (1, 2)
    ]  # fmt: skip
    return FakeSession(stack(service("order", ports={"http": "127.0.0.1:8103"}, instances=instances)))


@pytest.mark.parametrize("command", ["start", "stop", "restart", "kill", "wait", "health", "open"])
def test_an_instance_that_there_is_not_is_named_with_those_that_there_are(run: Run, command: str) -> None:
    code, screen = run(f"{command} order.9", two_instances())
    assert (code, screen.messages) == (
        2, "error: there is no instance 'order.9'\n  There are order.1 and order.2.\n"
    )  # fmt: skip


def test_the_address_of_one_instance_is_its_own(run: Run) -> None:
    shown = run("open order.2 --print", two_instances())[1].shown
    assert shown == "http://127.0.0.1:8105/\n"


def test_wait_for_one_instance_asks_for_no_other(run: Run) -> None:
    session = two_instances()
    session.view["services"][0]["status"] = "starting"
    session.view["services"][0]["instances"][0]["status"] = "starting"
    assert run("wait order.2", session)[0] == 0
