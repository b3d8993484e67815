"""What `config` prints is one manifest that loads to the same stack."""

import difflib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from devctl.core.spec import to_json
from devctl.manifest.yaml_text import dump
from tests.unit.manifest.loading import load_text
from tests.unit.manifest.sample import SAMPLE

FOLDED = """
include: [in/stack.yaml]
x-all: &all {restart: always, environment: {A: "1 $$x", EMPTY: "", N: 010, NULLED: , HERE: }}
services:
  a:
    <<: *all
    extends: {file: in/base.yaml, service: base}
    command: run --n ${N:-1} --url http://${services.b.http} ${python} '$$HOME a b' ${volumes.data}/x
    depends_on: [b, r]
    ports: {http: "${PORT:-8080}", admin: auto}
    working_dir: sub
  b:
    image: alpine:3.20
    command: ""
    entrypoint: [sh, -c]
    working_dir: /app
    ports: {http: 0}
    volumes: ["./conf:/etc/conf:ro", "data:/data"]
    healthcheck: {http: {path: "/a?b=$$c", status: [200, 204]}, interval: 1m30s, retries: "4"}
    native: {command: [b, "a: b", "- x", "null", "true", "1.10"]}
  r: {uses: broker, with: {topics: {t: {partitions: 2}}, heap: "${HEAP:-1g}", fast: true}}
  p: {command: x, profiles: [p], telemetry: off}
  q: {uses: broker, with: null, ports: {broker: auto, http: auto}, healthcheck: {interval: 5s}}
volumes: {data: , more: {}}
telemetry: {record: 1GiB}
journeys: {order: shop.order.id}
"""
FILES = {
    "in/stack.yaml": "services: {i: {command: 'x $I', env_file: i.env, watch: [src]}, j: {uses: broker, ports: "
    "{broker: auto, http: auto}, with: {config: c.conf}}, k: {image: x, native: {command: y}}}",
    "in/.env": "I=from-in", "in/i.env": "E=1", "in/c.conf": "c",
    "in/base.yaml": "services: {base: {command: z, env_file: i.env, watch: [src]}}",
    ".env": "PORT=81",
    "stack.override.yaml": "services: {a: {environment: {A: 2}, restart: null}, p: {telemetry: !reset null}}",
    "sub/x": "", "services/Dockerfile": "",
}  # fmt: skip


def again(folder: Path, text: str, **rest: Any) -> None:
    """Load `text`, write it as one file, load that, and see that nothing differs but the list of files."""
    first = load_text(folder, text, **rest)
    written = dump(first.written())
    (folder / ".env").unlink(missing_ok=True)
    (folder / "stack.override.yaml").unlink(missing_ok=True)
    second = load_text(folder, written, **{**rest, "environ": {}})
    for name, service in first.spec.services.items():
        ours, theirs = (json.dumps(to_json(s), indent=1).splitlines() for s in (second.spec.services[name], service))
        assert list(difflib.unified_diff(theirs, ours, n=0)) == []
    assert second.spec == replace(first.spec, manifests=second.spec.manifests)
    assert second.written() == first.written()


@pytest.mark.parametrize("text", [FOLDED, SAMPLE], ids=["folded", "sample"])
def test_what_is_written_loads_to_the_same_stack(tmp_path: Path, text: str) -> None:
    for name, content in FILES.items():
        if text is FOLDED or not name.startswith((".env", "stack")):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(content)
    again(tmp_path, text, environ={"N": "3", "HERE": "here"} if text is FOLDED else {})


def test_variables_that_are_empty_are_written(tmp_path: Path) -> None:
    written = load_text(tmp_path, "services: {a: {command: x, environment: {A: '', B: , C: $D}}}").written()
    assert written["services"]["a"]["environment"] == {"A": "", "B": None, "C": ""}
