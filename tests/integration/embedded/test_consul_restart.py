"""What the embedded Consul keeps when it is killed."""

from __future__ import annotations

from pathlib import Path

from tests.reference.running import HTTP, answers_http, emulator, free_ports, running
from tests.waiting import eventually


def test_a_killed_emulator_comes_back_with_keys_services_checks_and_sessions(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}/v1"
    command = emulator("consul", port, tmp_path / "data")

    def ready() -> bool:
        return answers_http(f"{url}/status/leader")

    with running(command, ready, tmp_path / "log") as process:
        session = HTTP.put(f"{url}/session/create", json={"TTL": "30s"}).json()["ID"]
        assert HTTP.put(f"{url}/kv/held?acquire={session}", content=b"v").json()
        check = {"HTTP": f"{url}/status/leader", "Interval": "1s"}
        HTTP.put(f"{url}/agent/service/register", json={"Name": "web", "Port": port, "Check": check})
        eventually(lambda: HTTP.get(f"{url}/health/service/web?passing").json())
        index = int(HTTP.get(f"{url}/kv/held").headers["x-consul-index"])
        HTTP.put(f"{url}/kv/gone", content=b"v")
        HTTP.delete(f"{url}/kv/gone")
        process.kill()
        process.wait()
    with running(command, ready, tmp_path / "log"):
        held = HTTP.get(f"{url}/kv/held").json()[0]
        assert (held["Session"], held["Value"], held["ModifyIndex"]) == (session, "dg==", index)
        assert HTTP.get(f"{url}/kv/gone").status_code == 404
        assert len(HTTP.get(f"{url}/session/info/{session}").json()) == 1
        eventually(lambda: HTTP.get(f"{url}/health/service/web?passing").json())
        assert int(HTTP.get(f"{url}/catalog/nodes").headers["x-consul-index"]) > index
