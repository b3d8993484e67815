"""`devctl smoke` on a real stack: green, red, interrupted, killed."""

import json
import os
import signal
import stat
import xml.etree.ElementTree as Xml
from pathlib import Path

import pytest

from tests.integration.smoke.conftest import Project
from tests.waiting import eventually

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
