"""`run`, `cp` and `attach` of services that run as processes."""

import json
from pathlib import Path

import pytest

from tests.integration.cli.shell import Shell
from tests.waiting import eventually

MANIFEST = """\
name: demo
telemetry: off
services:
  db:
    command: [sleep, "600"]
    working_dir: db
  api:
    command: ["${python}", -c, "import os; print('served on', os.environ['PORT'])"]
    ports: {http: auto}
    depends_on: {db: {condition: service_started}}
    environment: {LEVEL: info}
    profiles: [api]
  broken: {command: [no-such-program], profiles: [broken]}
  needs: {command: [sleep, "1"], depends_on: {broken: {condition: service_started}}, profiles: [broken]}
  speaker:
    command: [sh, -c, "while [ ! -e go ]; do sleep 0.1; done; while [ ! -e stop ]; do echo hello; sleep 0.2; done"]
    restart: no
    profiles: [speaker]
"""


@pytest.fixture
def shell(shell: Shell) -> Shell:
    (shell.folder / "stack.yaml").write_text(MANIFEST)
    (shell.folder / "db").mkdir()
    shell.run("up -d")
    return shell


def test_a_one_off_run_has_the_service_s_surroundings_and_ports_of_its_own(shell: Shell) -> None:
    shell.run("stop db")
    done = shell.run("run -e LEVEL=debug api -- env")
    variables = dict(line.partition("=")[::2] for line in done.stdout.splitlines())
    assert (variables["LEVEL"], variables["PORT"]) == ("debug", variables["HTTP_PORT"])
    statuses = {view["name"]: view["status"] for view in json.loads(shell.run("status --json").stdout)["services"]}
    assert statuses["db"] == "running"
    assert statuses.get("api", "stopped") == "stopped"
    assert shell.run("run api").stdout.startswith("served on ")


def test_a_one_off_run_ends_as_its_command_does(shell: Shell) -> None:
    shell.run("run --no-deps db -- false", code=1)
    assert "cannot run nothing-like-it" in shell.run("run db -- nothing-like-it", code=127).stderr
    assert shell.run("run db pwd").stdout == f"{shell.folder}/db\n"
    assert shell.run(f"run -w {shell.folder} db pwd").stdout == f"{shell.folder}\n"
    assert "--user can be had of containers only" in shell.run("run -u 5 db -- id", code=2).stderr
    assert "no service 'dv'" in shell.run("run dv -- id", code=2).stderr
    assert "needs depends on broken, which cannot be started" in shell.run("run needs -- id", code=1).stderr


def test_files_and_folders_are_copied_to_and_from_the_working_folder(shell: Shell) -> None:
    (shell.folder / "in").mkdir()
    (shell.folder / "in/a.txt").write_text("a")
    (shell.folder / "in/run.sh").write_text("run")
    (shell.folder / "in/run.sh").chmod(0o755)
    (shell.folder / "in/link").symlink_to("a.txt")
    assert "names no path" in shell.run("cp in db:", code=2).stderr
    shell.run("cp in db:.")
    copied = shell.folder / "db/in"
    assert (copied / "run.sh").stat().st_mode & 0o777 == 0o755
    assert (copied / "link").readlink() == Path("a.txt")
    assert json.loads(shell.run("cp --json in/. db:.").stdout)["targets"] == ["db.1:."]
    assert (shell.folder / "db/a.txt").read_text() == "a"
    shell.run("cp db.1:in/a.txt b.txt")
    assert (shell.folder / "b.txt").read_text() == "a"
    shell.run("cp -L db:in/link c.txt")
    assert (shell.folder / "c.txt").read_text() == "a"


def test_a_copy_that_cannot_be_says_why(shell: Shell) -> None:
    (shell.folder / "a.txt").write_text("a")
    assert "there is no nothing" in shell.run("cp nothing db:.", code=2).stderr
    assert "there is no folder far" in shell.run("cp a.txt db:far/a.txt", code=2).stderr
    assert "Write SERVICE:PATH" in shell.run("cp a.txt b.txt", code=2).stderr
    assert "../a.txt is a file" in shell.run("cp db db:../a.txt", code=2).stderr
    assert "no service 'dv'" in shell.run("cp a.txt dv:.", code=2).stderr


def test_attach_shows_what_is_written_from_then_on_until_the_end(shell: Shell) -> None:
    shell.run("up -d --no-wait speaker")
    attached = shell.begin("attach speaker").says("Ctrl-C leaves it")
    Path(shell.folder / "go").touch()
    attached.says("\nhello")
    Path(shell.folder / "stop").touch()
    code, output = attached.end()
    assert code == 0
    assert "speaker.1 has ended" in output
    eventually(lambda: "completed" in shell.run("status --json").stdout, within=30)
    assert "nothing of speaker runs" in shell.run("attach speaker", code=1).stderr
