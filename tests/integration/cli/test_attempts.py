"""A restart policy that a user wrote holds before the first success and for jobs; dependents go on waiting."""

from __future__ import annotations

import json

from tests.integration.cli.shell import Shell

TWICE = (
    "echo x >> $$0.tries; [ $$(wc -l < $$0.tries) -gt 2 ] || exit 3"  # fails twice, by a file named after the service
)
MANIFEST = f"""\
name: demo
telemetry: off
services:
  migrate:
    command: [sh, -c, "{TWICE}", migrate]
    deploy: {{restart_policy: {{condition: on-failure, max_attempts: 10, delay: 10ms}}}}
  api:
    command: [sh, -c, "{TWICE}; touch api.ready; exec sleep 600", api]
    healthcheck: {{test: [CMD, test, -e, api.ready], interval: 100ms, retries: 600}}
    restart: always
    depends_on: {{migrate: {{condition: service_completed_successfully}}}}
  web:
    command: [sleep, "600"]
    depends_on: {{api: {{condition: service_healthy}}}}
"""


def test_what_dies_twice_before_it_is_good_is_started_a_third_time_and_its_dependents_wait(shell: Shell) -> None:
    (shell.folder / "stack.yaml").write_text(MANIFEST)
    done = shell.run("up -d")
    for text in ("migrate.1 ended with exit code 3; attempt 2 of 10", "api.1 ended with exit code 3; attempt 2 of 5"):
        assert text in done.stderr
    view = json.loads(shell.run("status --json").stdout)
    assert [(s["name"], s["status"], s["instances"][0]["restarts"]) for s in view["services"]] == [
        ("migrate", "completed", 2), ("api", "healthy", 2), ("web", "running", 0)
    ]  # fmt: skip


def test_what_never_becomes_good_is_given_up_after_its_attempts(shell: Shell) -> None:
    never = MANIFEST.replace("-gt 2", "-gt 99").replace("max_attempts: 10", "max_attempts: 3")
    (shell.folder / "stack.yaml").write_text(never)
    done = shell.run("up -d", code=1)
    assert "given up after 3 attempts: the last one ended with exit code 3" in done.stderr
