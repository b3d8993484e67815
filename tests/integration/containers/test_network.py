"""Who reaches whom: readers and services natively and in containers, relayed or not, and the hub."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine import IMAGE, PYTHON, TestEngine
from tests.integration.cli.shell import Shell
from tests.integration.containers.stack import bring_up
from tests.waiting import eventually

pytestmark = [pytest.mark.xdist_group("engine"), pytest.mark.timeout(240)]

SERVER = """
import http.server, os, socketserver
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = os.environ["ME"].encode()
        self.send_response(200); self.send_header("content-length", str(len(body))); self.end_headers()
        self.wfile.write(body)
socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer((os.environ["ON"], int(os.environ["PORT"])), Handler).serve_forever()
"""
READER = """
import os, time, urllib.request
for name in ("NATIVE", "BOX", "FRONT"):
    while True:
        try:
            print(name, urllib.request.urlopen("http://" + os.environ[name], timeout=5).read().decode(), flush=True)
            break
        except OSError as error:
            print(name, os.environ[name], error, flush=True); time.sleep(0.2)
url = os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] + "/v1/logs"
request = urllib.request.Request(url, b'{"resourceLogs": []}', {"content-type": "application/json"})
print("HUB", urllib.request.urlopen(request, timeout=5).status, flush=True)
time.sleep(600)
"""
MANIFEST = f"""\
name: meet
x-box: &box {{image: "{IMAGE}", stop_grace_period: 100ms}}
x-ask: &ask
  NATIVE: "${{services.native.http}}"
  BOX: "${{services.box.http}}"
  FRONT: "${{services.front.http}}"
services:
  native:
    command: [{PYTHON}, server.py]
    environment: {{ME: native, "ON": 127.0.0.1}}
    ports: {{http: auto}}
    healthcheck: {{http: /}}
  box:
    <<: *box
    command: [{PYTHON}, /server.py]
    volumes: ["./server.py:/server.py:ro"]
    environment: {{ME: box, "ON": 0.0.0.0}}
    ports: {{http: "auto:80"}}
    healthcheck: {{http: /}}
  front:
    <<: *box
    command: [{PYTHON}, /server.py]
    volumes: ["./server.py:/server.py:ro"]
    environment: {{ME: front, "ON": 0.0.0.0}}
    ports: {{http: auto}}
    healthcheck: {{http: /}}
    front: true
  here: {{command: [{PYTHON}, -u, reader.py], environment: *ask}}
  inside:
    <<: *box
    command: [{PYTHON}, -u, /reader.py]
    volumes: ["./reader.py:/reader.py:ro"]
    environment: *ask
"""


@pytest.fixture
def shell(engine: TestEngine, tmp_path: Path) -> Iterator[Shell]:
    with tempfile.TemporaryDirectory(prefix="dc") as runtime:
        for name, text in (("stack.yaml", MANIFEST), ("server.py", SERVER), ("reader.py", READER)):
            (tmp_path / name).write_text(text)
        shell = Shell(tmp_path.resolve(), runtime)
        shell.environ["DOCKER_HOST"] = engine.url
        yield shell
        shell.run("down --now --volumes --yes")
        assert shell.is_empty()
        engine.clean()


def messages(shell: Shell, service: str) -> set[str]:
    lines = shell.run(f"logs {service} --json").stdout.splitlines()
    return {json.loads(line)["message"] for line in lines}


def test_everyone_reaches_everyone_by_the_address_that_is_its_own(shell: Shell, engine: TestEngine) -> None:
    bring_up(shell)
    expected = {"NATIVE native", "BOX box", "FRONT front", "HUB 200"}
    eventually(lambda: messages(shell, "here") >= expected, within=60, what="all answers to a process")
    eventually(lambda: messages(shell, "inside") >= expected, within=60, what="all answers to a container")
    containers = {name["Names"][0]: name for name in engine.containers()}
    assert set(containers) == {"/meet-box-1", "/meet-front-1", "/meet-inside-1", "/meet-devctl-1"}
    with engine.client() as api:
        forwarder = api.inspect_container("/meet-devctl-1")
    assert forwarder["HostConfig"]["CapDrop"] == ["ALL"]
    assert not forwarder["HostConfig"]["PortBindings"]
    shell.run("down")
    assert engine.containers() == []
