"""Hooks run beside an instance: after its start, before its stop, and not when it is killed."""

from tests.integration.cli.shell import Shell

MANIFEST = """\
name: demo
telemetry: off
services:
  api:
    command: [sleep, "600"]
    environment: {NAME: api}
    post_start:
      - {command: [sh, -c, "echo $$NAME $$MORE started >> trail"], environment: {MORE: has}}
      - {command: [sh, -c, "echo second >> trail"]}
    pre_stop:
      - {command: [sh, -c, "echo $$NAME stops >> trail"]}
  after:
    command: [sh, -c, "echo after >> trail; sleep 600"]
    depends_on: {api: {condition: service_started}}
  bad:
    command: [sleep, "600"]
    post_start: [{command: [sh, -c, "echo no such table; exit 3"]}]
    profiles: [bad]
"""


def trail(shell: Shell) -> list[str]:
    return (shell.folder / "trail").read_text().splitlines()


def test_hooks_run_in_order_around_the_life_of_an_instance(shell: Shell) -> None:
    (shell.folder / "stack.yaml").write_text(MANIFEST)
    shell.run("up -d api")
    assert trail(shell) == ["api has started", "second"]
    shell.run("up -d")
    shell.run("wait after")
    shell.run("stop api")
    assert trail(shell)[-1] == "api stops"


def test_a_hook_that_fails_after_a_start_fails_the_start_and_says_why(shell: Shell) -> None:
    (shell.folder / "stack.yaml").write_text(MANIFEST)
    done = shell.run("up -d bad", code=1)
    assert "its post_start failed" in done.stdout + done.stderr
    assert "no such table" in done.stdout + done.stderr


def test_a_process_has_no_hook_of_another_user(shell: Shell) -> None:
    (shell.folder / "stack.yaml").write_text(MANIFEST.replace("[{command: [sh,", "[{user: nobody, command: [sh,"))
    assert "the user of a hook goes with image or build" in shell.run("config", code=2).stderr
    (shell.folder / "stack.yaml").write_text(MANIFEST)
