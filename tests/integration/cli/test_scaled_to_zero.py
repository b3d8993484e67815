"""`deploy: {replicas: 0}`: the service stays stopped, and everything that waits for the stack goes on."""

import json

from tests.integration.cli.shell import Shell

MANIFEST = """\
name: demo
telemetry: off
services:
  db:
    command: sleep 600
    ports: {http: auto}
    healthcheck: {http: /}
    deploy: {replicas: 0}
  api:
    command: sleep 600
    environment: {DB: "${services.db.http}"}
    depends_on: {db: {condition: service_healthy}}
"""


def test_up_and_wait_return_for_a_service_of_no_instances_and_its_dependents_run(shell: Shell) -> None:
    (shell.folder / "stack.yaml").write_text(MANIFEST)
    shell.run("up -d")
    shell.run("wait")
    shell.run("wait db")
    view = json.loads(shell.run("status --json").stdout)
    assert view["status"] == "healthy"
    states = {service["name"]: (service["status"], service["reason"]) for service in view["services"]}
    assert states == {"db": ("stopped", "scaled to 0"), "api": ("running", "")}
    assert "Everything is healthy" in shell.run("why").stdout
    shell.run("start db")
    shell.run("restart db")
