"""`devctl smoke` on a real stack: green, red, interrupted, killed."""

import json
import os
import signal
import stat
import xml.etree.ElementTree as Xml
from pathlib import Path

import pytest

from devctl.paths import StackPaths
from devctl.smoke.guard import RunLock
from tests.integration.smoke.conftest import SMOKE_SECONDS, Project
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(3 * SMOKE_SECONDS)

GREEN = """
smoke:
  stay_healthy: 200ms
  checks:
    - name: greets
      steps:
        - {http: {service: files, path: /hello.json}, expect: {json: {$.greeting: hello}}, capture: {word: $.greeting}}
        - {http: {service: files, path: "/${word}.json"}, expect: {contains: "${word}"}}
        - {log: {service: files, contains: /hello.json}}
"""
RED = GREEN.replace("$.greeting: hello}", "$.greeting: goodbye}")
FLAKY = """
smoke:
  stay_healthy: 0
  checks:
    - name: there at last
      retries: 2
      steps: [{http: {service: files, path: /late}, expect: {status: 200}}]
"""


def test_a_green_run_proves_start_health_and_checks_and_leaves_nothing(project: Project) -> None:
    project.write(GREEN)
    code, report = project.smoke("--junit", "out/smoke.xml", "--markdown", "out/smoke.md")
    assert (code, report["verdict"]) == (0, "passed")
    assert [o["name"] for o in report["outcomes"] if o["phase"] == "checks"] == ["greets"]
    assert {"start", "health", "checks"} == {o["phase"] for o in report["outcomes"]}
    suites = [s.attrib["name"] for s in Xml.parse(project.folder / "out" / "smoke.xml").iter("testsuite")]
    assert suites == ["hello.start", "hello.health", "hello.checks"]
    assert "passed" in (project.folder / "out" / "smoke.md").read_text()
    assert project.is_clean


def test_a_red_run_names_the_step_and_the_service_and_leaves_nothing(project: Project, tmp_path: Path) -> None:
    project.write(RED)
    summary = tmp_path / "summary.md"
    done = project.devctl("smoke", GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == 1
    assert "files: step 1 (GET files/hello.json): $.greeting is hello, expected goodbye" in done.stdout
    assert "::error title=checks%3A greets::files: step 1" in done.stderr
    assert "Look at files first" in summary.read_text()
    assert project.is_clean


def test_a_red_run_tells_how_often_it_was_so_and_what_differs_from_the_last_green_one(project: Project) -> None:
    project.write(GREEN)
    green = project.smoke()[1]
    project.write(RED, command="sh -c 'echo ERROR odd; exec python3 -m http.server --directory www $$PORT'")
    project.smoke()
    report = project.smoke()[1]
    assert report["history"] == {"checks: greets": f"failed 2 of the last 3 runs, first in run {_second(project)}"}
    assert report["green_run"] == green["run"]
    assert ("log", "files error: ERROR odd") in {(each["kind"], each["subject"]) for each in report["differences"]}


def _second(project: Project) -> str:
    """Return the second run of the project's history."""
    runs = json.loads((project.folder / ".devctl" / "smoke-history.json").read_text())
    return str(runs[1]["run"])


def test_checks_are_not_spread_over_processes(project: Project) -> None:
    project.write(GREEN)
    done = project.devctl("smoke", "--pytest=-n2")
    assert (done.returncode, "checks are not spread over processes" in done.stderr) == (2, True)
    settings = project.folder / "tests" / "smoke" / "pytest.ini"
    settings.parent.mkdir(parents=True)
    settings.write_text("[pytest]\naddopts = -p xdist -n2\n")
    done = project.devctl("smoke")
    assert (done.returncode, "checks are not spread over processes" in done.stderr) == (2, True)
    assert project.is_clean


def test_options_for_other_tests_in_the_environment_are_none_for_checks(project: Project) -> None:
    project.write(GREEN)
    done = project.devctl("smoke", PYTEST_ADDOPTS="-v --cov=shop")
    assert done.returncode == 0, done.stderr


def test_a_recorded_run_proposes_checks_without_starting_anything(project: Project) -> None:
    project.write(GREEN)
    run = project.smoke()[1]["run"]
    done = project.devctl("smoke", "--from-run", run)
    assert (done.returncode, done.stdout.splitlines()[1]) == (0, "smoke:")
    assert project.is_clean


def test_on_gitlab_a_failure_leads_to_its_bundle_among_the_artifacts(project: Project) -> None:
    project.write(RED)
    files = ("--junit", "out/smoke.xml", "--bundle", "out/smoke.zip")
    job = {"GITLAB_CI": "true", "CI_JOB_URL": "https://gitlab.example/1", "CI_PROJECT_DIR": str(project.folder)}
    assert project.smoke(*files, **job)[0] == 1
    output = Xml.parse(project.folder / "out" / "smoke.xml").find(".//system-out")
    assert output is not None
    assert (output.text or "").endswith("[[ATTACHMENT|out/smoke.zip]]")
    annotations = json.loads((project.folder / "gl-annotations.json").read_text())
    assert annotations["smoke"][0]["external_link"]["url"].startswith(job["CI_JOB_URL"])


def test_a_service_that_fails_to_start_is_red_at_once_with_why(project: Project) -> None:
    project.write(GREEN, command="sh -c 'echo no such database; exit 3'")
    code, report = project.smoke()
    failed = [o for o in report["outcomes"] if o["status"] == "failed"]
    assert code == 1
    assert [o["service"] for o in failed] == ["files"]
    assert "no such database" in failed[0]["text"]
    assert {o["phase"] for o in report["outcomes"]} == {"start"}
    assert project.is_clean


def test_a_check_that_passes_when_tried_again_is_flaky_and_fails_only_on_request(project: Project) -> None:
    late = project.folder / "www" / "late"
    project.write(FLAKY, command=_late(project))
    code, report = project.smoke("--junit", "smoke.xml")
    assert (code, report["verdict"]) == (0, "flaky")
    assert Xml.parse(project.folder / "smoke.xml").find(".//flakyFailure") is not None
    late.unlink()
    assert project.smoke("--fail-on-flaky")[0] == 1


def _late(project: Project) -> str:
    """Return a server that has `late` only after somebody asked for it in vain."""
    program = (
        "import http.server as h, os, pathlib\n"
        "os.chdir('www')\n"
        "class H(h.SimpleHTTPRequestHandler):\n"
        "    def send_error(self, *a):\n"
        "        super().send_error(*a)\n"
        "        pathlib.Path('late').touch()\n"
        "h.ThreadingHTTPServer(('127.0.0.1', int(os.environ['PORT'])), H).serve_forever()\n"
    )
    (project.folder / "late.py").write_text(program)
    return "python3 late.py"


def test_a_wrong_manifest_starts_nothing(project: Project) -> None:
    project.write(GREEN.replace("capture", "captures"))
    done = project.devctl("smoke")
    assert done.returncode == 2
    assert "did you mean capture?" in done.stderr
    assert project.is_clean


def test_a_stack_that_runs_is_refused_or_on_request_used_and_never_taken_down(project: Project) -> None:
    project.write(GREEN)
    assert project.devctl("up", "-d").returncode == 0
    refused = project.devctl("smoke")
    assert (refused.returncode, "--reuse" in refused.stderr) == (2, True)
    assert project.smoke("--reuse")[1]["verdict"] == "passed"
    assert project.devctl("status").returncode == 0


def test_ctrl_c_still_writes_the_report_and_takes_everything_down(project: Project) -> None:
    project.write(GREEN.replace("200ms", "60s"))
    process = project.begin("--junit", "smoke.xml")
    eventually(lambda: project.devctl("status").returncode == 0, within=60, what="the stack is up")
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert (project.folder / "smoke.xml").exists()
    assert project.is_clean


@pytest.mark.parametrize("phase", ["start", "health"])
def test_a_run_that_is_killed_leaves_nothing_and_the_next_is_clean(project: Project, phase: str) -> None:
    project.write(GREEN.replace("200ms", "60s"), command="sleep 60" if phase == "start" else "")
    process = project.begin()
    marker = project.folder / ".devctl" / "smoke.json"
    eventually(lambda: marker.exists() and json.loads(marker.read_text())["run"], within=60, what="a run began")
    if phase == "health":
        eventually(lambda: project.devctl("status").returncode == 0, within=60, what="the stack is up")
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)
    eventually(lambda: project.is_clean, within=60, what="nothing is left")
    project.write(GREEN)
    assert project.smoke()[1]["verdict"] == "passed"


def test_ctrl_c_during_the_start_reports_how_far_it_came(project: Project) -> None:
    project.write(GREEN, command="sleep 60")
    process = project.begin("--junit", "smoke.xml")
    marker = project.folder / ".devctl" / "smoke.json"
    eventually(lambda: marker.exists() and json.loads(marker.read_text())["run"], within=60, what="a run began")
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    cases = {case.attrib["name"] for case in Xml.parse(project.folder / "smoke.xml").iter("testcase")}
    assert "files: becomes healthy" in cases
    assert project.is_clean


def test_a_report_that_cannot_be_written_is_refused_before_anything_starts(project: Project) -> None:
    project.write(GREEN)
    for option in ("--junit", "--markdown", "--bundle"):
        done = project.devctl("smoke", option, "www")
        assert (done.returncode, done.stdout) == (3, "")
        assert "www: the report cannot be written: Is a directory" in done.stderr
    assert not (project.folder / ".devctl").exists()


def test_an_output_that_fails_fails_no_check_and_costs_no_report(project: Project) -> None:
    project.write(GREEN)
    code, errors = project.smoke_into("/dev/full", "--junit", "smoke.xml")
    assert (code, "No space left" in errors) == (3, True)
    root = Xml.parse(project.folder / "smoke.xml").getroot()
    assert root is not None
    assert root.attrib["failures"] == "0"
    assert "greets" in {case.attrib["name"] for case in root.iter("testcase")}
    assert project.is_clean


@pytest.mark.parametrize(
    ("arguments", "complaint"), [(["nosuch"], "no suite 'nosuch'"), (["-k", "nosuch"], "no item matches")]
)
def test_a_choice_of_nothing_is_refused_and_never_green(project: Project, arguments: list[str], complaint: str) -> None:
    project.write(GREEN)
    done = project.devctl("smoke", *arguments)
    assert (done.returncode, complaint in done.stderr) == (2, True)
    assert project.is_clean


def test_a_start_that_fails_is_red_whatever_was_chosen(project: Project) -> None:
    project.write(GREEN, command="sh -c 'exit 3'")
    code, report = project.smoke("-k", "greets")
    assert (code, [o["service"] for o in report["outcomes"]]) == (1, ["files"])


def test_another_run_of_the_same_stack_is_refused(project: Project) -> None:
    project.write(GREEN)
    held = RunLock(StackPaths(project.folder))
    try:
        done = project.devctl("smoke")
    finally:
        held.release()
    assert (done.returncode, "proves this stack" in done.stderr) == (2, True)


def test_a_service_that_fails_for_good_ends_the_run_and_is_shown(project: Project) -> None:
    (project.folder / "go").touch()
    serve = "python3 -m http.server --directory www $$PORT"
    program = f"sh -c '{serve} & while [ -e go ]; do sleep 0.1; done; echo out of memory; kill $$!; exit 9'"
    project.write("    restart: 'no'\n" + GREEN.replace("200ms", "90s"), command=program)
    process = project.begin("--json", output=project.folder / "out.json")
    eventually(lambda: project.devctl("status").returncode == 0, within=60, what="the stack is up")
    (project.folder / "go").unlink()
    assert process.wait(90) == 1
    outcomes = json.loads((project.folder / "out.json").read_text())["outcomes"]
    failed = [(o["name"], o["service"], "out of memory" in o["text"]) for o in outcomes if o["status"] == "failed"]
    assert failed == [("files goes on", "files", True)]


def test_the_projects_own_checks_run_with_its_fixtures(project: Project) -> None:
    project.write(GREEN)
    tests = project.folder / "tests" / "smoke"
    tests.mkdir(parents=True)
    (tests / "test_own.py").write_text(
        "def test_it_greets(http, stack, logs):\n"
        "    assert stack.service('files')['status'] == 'healthy'\n"
        "    assert http('files').get('/hello.json').json() == {'greeting': 'hello'}\n"
        "    logs.expect('files', '/hello.json')\n"
        "def test_it_fails(http):\n"
        "    assert http('files').get('/nothing').status_code == 200\n"
        "def test_it_waits(eventually, stack):\n"
        "    assert stack.execute('files', 'sh', '-c', 'echo $PORT').stdout.strip().isdigit()\n"
        "    eventually(lambda: False, within=0, blames='files')\n"
    )
    code, report = project.smoke()
    ended = {o["name"]: (o["status"], o["service"]) for o in report["outcomes"] if o["phase"] == "tests"}
    assert code == 1
    assert ended == {
        "test_it_greets": ("passed", ""), "test_it_fails": ("failed", ""), "test_it_waits": ("failed", "files")
    }  # fmt: skip


def test_a_bundle_opens_elsewhere_and_holds_no_secret(project: Project, tmp_path: Path) -> None:
    secret = "PASSWORD=correct-horse-battery"
    project.write(RED, command=f"sh -c 'echo {secret}; exec python3 -m http.server --directory www $$PORT'")
    bundle = tmp_path / "run.zip"
    assert project.smoke("--bundle", str(bundle))[0] == 1
    assert stat.S_IMODE(bundle.stat().st_mode) == 0o600
    assert b"correct-horse" not in bundle.read_bytes()
    assert project.devctl("bundle", "check", str(bundle)).returncode == 0
    lines = project.devctl("bundle", "open", str(bundle), "logs", "files").stdout
    assert "PASSWORD=****" in lines
    assert "correct-horse" not in lines
    assert "files" in project.devctl("bundle", "open", str(bundle), "status").stdout
