"""What clients do with Consul, each scenario a function that gives what it saw, free of what differs by chance."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx

from tests.waiting import eventually

Seen = Any
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_BY_CHANCE = {"Timeout", "ContentHash", "CreateIndex"}
ZERO_SESSION = "00000000-0000-0000-0000-000000000000"


class Client:
    """Asks one server and keeps of each answer what must be the same everywhere."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, verify=False, trust_env=False, timeout=20.0)
        self._ids: dict[str, str] = {}

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> httpx.Response:
        """Ask and give the whole answer."""
        sent: dict[str, Any] = {"content": body} if isinstance(body, (str, bytes)) else {"json": body}
        return self._http.request(method, f"/v1/{path}", params=query, **({} if body is None else sent))

    def see(self, method: str, path: str, body: Any = None, **query: Any) -> Seen:
        """Ask and give status and body as they must be everywhere."""
        answer = self.ask(method, path, body, **query)
        kind = answer.headers.get("content-type", "").split(";")[0] if answer.content else ""
        seen = self.plain(answer.json()) if kind == "application/json" else self._text(answer.text)
        return [answer.status_code, kind, seen]

    def get(self, path: str, **query: Any) -> Seen:
        """See a GET."""
        return self.see("GET", path, **query)

    def put(self, path: str, body: Any = None, **query: Any) -> Seen:
        """See a PUT."""
        return self.see("PUT", path, body, **query)

    def delete(self, path: str, **query: Any) -> Seen:
        """See a DELETE."""
        return self.see("DELETE", path, **query)

    def session(self, **fields: Any) -> str:
        """Make a session and give its id."""
        return str(self.ask("PUT", "session/create", fields).json()["ID"])

    def index(self, path: str, **query: Any) -> int:
        """Return the index of a read."""
        return int(self.ask("GET", path, **query).headers["x-consul-index"])

    def plain(self, value: Any) -> Any:
        """Name ids by the order of their coming, and say of indexes only whether an entry was changed."""
        if isinstance(value, list):
            return [self.plain(item) for item in value]
        if isinstance(value, dict):
            seen = {name: self.plain(inner) for name, inner in value.items() if name not in _BY_CHANCE}
            if "Datacenter" in value and "ServiceID" not in value:
                seen.pop("ModifyIndex", None)  # a node is touched by its server now and then
            elif "ModifyIndex" in value:
                seen["ModifyIndex"] = "changed" if value["ModifyIndex"] != value.get("CreateIndex") else "new"
            return seen
        return self._text(value) if isinstance(value, str) else value

    def _text(self, text: str) -> str:
        text = re.sub(r"(Request decode failed: ).*", r"\1…", text)
        return _UUID.sub(lambda match: self._ids.setdefault(match.group(), f"id{len(self._ids)}"), text)

    def blocked(self, path: str, change: Callable[[], object], wait: str = "10s", **query: Any) -> Seen:
        """Start a blocking read, make a change meanwhile, and tell what came of it, and whether it waited."""
        index = self.index(path, **query)
        answers: list[httpx.Response] = []
        reader = threading.Thread(target=lambda: answers.append(self.ask("GET", path, index=index, wait=wait, **query)))
        started = time.monotonic()
        reader.start()
        reader.join(0.3)
        waited = reader.is_alive()
        change()
        reader.join(20.0)
        took = time.monotonic() - started
        newer = int(answers[0].headers["x-consul-index"]) > index
        return {"waited": waited, "at once": took < 3.0, "newer": newer, "body": self.plain(_body(answers[0]))}


def _body(answer: httpx.Response) -> Any:
    with contextlib.suppress(ValueError):
        return answer.json()
    return answer.text


def keys_are_written_read_listed_and_deleted(c: Client) -> Seen:
    return [
        c.get("kv/basic/none"),
        c.put("kv/basic/a/1", "one", flags=7),
        c.put("kv/basic/a/2", ""),
        c.put("kv/basic/b", b"\x00\xff binary"),
        c.get("kv/basic/a/1"),
        c.get("kv/basic/a/1", raw=""),
        c.get("kv/basic", recurse=""),
        c.get("kv/basic", keys=""),
        c.get("kv/basic/", keys="", separator="/"),
        c.get("kv/basic/", recurse="", separator="/"),
        c.get("kv/basic/nothing", recurse=""),
        c.get("kv/basic/nothing", keys=""),
        c.get("kv/basic/nothing", raw=""),
        c.delete("kv/basic/b"),
        c.delete("kv/basic/b"),
        c.delete("kv/basic/a", recurse=""),
        c.get("kv/basic", keys=""),
    ]


def keys_with_odd_names_stay_as_they_are(c: Client) -> Seen:
    return [
        c.put("kv/odd/ü%20x/%2Fy", "v"),
        c.put("kv/odd/trailing/", "v"),
        c.get("kv/odd", keys=""),
        c.get("kv/odd/ü%20x/%2Fy", raw=""),
        c.get("kv/odd/trailing"),
    ]


def a_write_with_an_old_index_is_refused(c: Client) -> Seen:
    seen = [c.put("kv/cas/k", "0", cas=0), c.put("kv/cas/k", "1", cas=0), c.put("kv/cas/k", "1", cas=1)]
    current = c.ask("GET", "kv/cas/k").json()[0]["ModifyIndex"]
    seen += [c.put("kv/cas/k", "2", cas=current), c.put("kv/cas/k", "3", cas=current), c.get("kv/cas/k")]
    seen += [c.delete("kv/cas/k", cas=0), c.delete("kv/cas/k", cas=current)]
    current = c.ask("GET", "kv/cas/k").json()[0]["ModifyIndex"]
    return [*seen, c.delete("kv/cas/k", cas=current), c.delete("kv/cas/k", cas=5), c.get("kv/cas/k")]


def the_same_value_again_is_no_change(c: Client) -> Seen:
    c.put("kv/same/k", "v")
    before = c.ask("GET", "kv/same/k").json()
    c.put("kv/same/k", "v")
    return before == c.ask("GET", "kv/same/k").json()


def mistakes_with_keys_are_named(c: Client) -> Seen:
    return [
        c.put("kv/", "x"),
        c.get("kv/"),
        c.see("POST", "kv/x", "1"),
        c.put("kv/z", "1", flags="abc"),
        c.put("kv/z", "1", cas="abc"),
        c.ask("PUT", "kv/big", b"x" * (512 * 1024 + 1)).status_code,
        c.get("kv/z", index="abc"),
        c.get("kv/z", wait="abc"),
        c.get("kv/z", wait="-1s"),
    ]


def a_reader_of_a_key_is_woken_by_its_change_alone(c: Client) -> Seen:
    c.put("kv/block/k", "0")
    return [
        c.blocked("kv/block/k", lambda: c.put("kv/block/k", "1")),
        c.blocked("kv/block/k", lambda: c.put("kv/block/other", "1"), wait="500ms"),
        c.blocked("kv/block/k", lambda: c.delete("kv/block/k")),
        c.blocked("kv/block/new", lambda: c.put("kv/block/new", "1")),
        c.blocked("kv/block", lambda: c.put("kv/block/k2", "1"), recurse=""),
        c.blocked("kv/block", lambda: c.put("kv/block/k3", "1"), keys=""),
        c.blocked("kv/block/", lambda: c.delete("kv/block/k3"), keys=""),
        c.blocked("kv/block/k2", lambda: None, wait="300ms"),
    ]


def a_session_holds_and_releases_a_lock(c: Client) -> Seen:
    mine, other = c.session(Name="mine", TTL="30s"), c.session(Name="other", TTL="30s", LockDelay="1ms")
    seen = [
        c.put("kv/lock/k", "v", acquire=mine),
        c.put("kv/lock/k", "v2", acquire=mine),
        c.put("kv/lock/k", "v3", acquire=other),
        c.get("kv/lock/k"),
        c.put("kv/lock/k", "v4"),
        c.put("kv/lock/k", "v5", release=other),
        c.put("kv/lock/k", "v6", release=mine),
        c.get("kv/lock/k"),
        c.put("kv/lock/k", "v7", release=mine),
        c.put("kv/lock/k", "v8", acquire=other),
        c.get("kv/lock/k"),
        c.put("kv/lock/k", "v", acquire="nonsense"),
        c.put("kv/lock/k", "v", acquire=ZERO_SESSION),
    ]
    return [*seen, c.put(f"session/destroy/{mine}"), c.put(f"session/destroy/{other}"), c.get("kv/lock/k")]


def the_end_of_a_session_frees_or_deletes_what_it_held(c: Client) -> Seen:
    frees = c.session(Name="frees", LockDelay="2s")
    deletes = c.session(Name="deletes", Behavior="delete")
    seen = [c.put("kv/end/freed", "v", acquire=frees), c.put("kv/end/deleted", "v", acquire=deletes)]
    seen += [c.put(f"session/destroy/{frees}"), c.put(f"session/destroy/{deletes}")]
    after = c.session(Name="after")
    seen += [
        c.get("kv/end/freed"),
        c.get("kv/end/deleted"),
        c.put("kv/end/freed", "w", acquire=after),
        c.get("kv/end/freed", raw=""),
    ]
    return [*seen, c.put(f"session/destroy/{after}")]


def sessions_are_made_listed_renewed_and_destroyed(c: Client) -> Seen:
    id = c.session(Name="kept", TTL="20s", LockDelay="1s")
    plain = c.session()
    listed = [session for session in c.ask("GET", "session/list").json() if session["ID"] in (id, plain)]
    on_node = [session["ID"] for session in c.ask("GET", "session/node/devctl").json()]
    seen = [
        c.get(f"session/info/{id}"),
        c.get(f"session/info/{plain}"),
        sorted(session["Name"] for session in listed),
        {id, plain} <= set(on_node),
        c.get("session/node/elsewhere"),
        c.put(f"session/renew/{id}"),
        c.put(f"session/destroy/{id}"),
        c.put(f"session/destroy/{id}"),
        c.put(f"session/renew/{id}"),
        c.get(f"session/info/{id}"),
    ]
    return [*seen, c.put(f"session/destroy/{plain}")]


def mistakes_with_sessions_are_named(c: Client) -> Seen:
    return [
        c.put("session/create", {"TTL": "1s"}),
        c.put("session/create", {"TTL": "48h"}),
        c.put("session/create", {"Behavior": "burn"}),
        c.put("session/create", {"Node": "elsewhere"}),
        c.put("session/create", {"Checks": ["nothing"]}),
        c.put("session/create", "{bad"),
        c.get("session/create"),
        c.put("session/renew/00000000-0000-0000-0000-000000000001"),
    ]


def a_session_ends_with_its_check(c: Client) -> Seen:
    c.put("agent/check/register", {"Name": "ses-check", "TTL": "60s", "Status": "passing"})
    id = c.session(Name="hangs", Checks=["serfHealth", "ses-check"], LockDelay="0s")
    seen = [c.get(f"session/info/{id}"), c.put("kv/ses/k", "v", acquire=id)]
    c.put("agent/check/fail/ses-check", None, note="down")
    deadline = time.monotonic() + 10
    while c.ask("GET", f"session/info/{id}").json() and time.monotonic() < deadline:
        time.sleep(0.05)
    seen += [c.get(f"session/info/{id}"), c.get("kv/ses/k")]
    return [*seen, c.put("session/create", {"Checks": ["ses-check"]}), c.put("agent/check/deregister/ses-check")]


def a_service_is_registered_found_and_deregistered(c: Client) -> Seen:
    definition = {
        "ID": "web-1",
        "Name": "web",
        "Address": "127.0.0.1",
        "Port": 80,
        "Tags": ["a", "b"],
        "Meta": {"version": "1"},
        "Check": {"TTL": "60s", "Status": "passing", "Notes": "n"},
    }
    return [
        c.put("agent/service/register", definition),
        c.get("agent/service/web-1"),
        c.get("agent/services", filter='Service == "web"'),
        c.get("agent/checks", filter='ServiceName == "web"'),
        c.get("catalog/service/web"),
        c.get("catalog/service/web", tag="a"),
        c.get("catalog/service/web", tag="c"),
        c.get("health/service/web"),
        c.get("health/service/web", passing=""),
        c.get("health/service/web", tag=["a", "b"]),
        c.get("health/service/web", tag=["a", "c"]),
        c.get("health/checks/web"),
        sorted(c.ask("GET", "catalog/services").json()["web"]),
        c.put("agent/service/deregister/web-1"),
        c.get("health/service/web"),
        c.get("catalog/service/web"),
        c.get("agent/service/web-1"),
    ]


def a_service_without_anything_else_gets_defaults(c: Client) -> Seen:
    seen = [c.put("agent/service/register", {"Name": "bare"}), c.get("agent/service/bare")]
    seen += [c.get("health/service/bare", passing=""), c.get("catalog/service/bare")]
    return [*seen, c.put("agent/service/deregister/bare")]


def names_of_fields_may_be_written_in_any_case(c: Client) -> Seen:
    lower = {"name": "case", "id": "case-1", "port": 9, "tags": ["x"], "check": {"ttl": "30s", "status": "passing"}}
    snake = {"Name": "case", "ID": "case-2", "Check": {"TTL": "30s", "DeregisterCriticalServiceAfter": "90m"}}
    seen = [c.put("agent/service/register", lower), c.put("agent/service/register", snake)]
    entries = c.ask("GET", "health/service/case").json()
    seen.append(sorted((entry["Service"]["ID"], entry["Checks"][-1]["Status"]) for entry in entries))
    return [*seen, c.put("agent/service/deregister/case-1"), c.put("agent/service/deregister/case-2")]


def registering_again_changes_the_service(c: Client) -> Seen:
    first = {"Name": "again", "Port": 1, "Checks": [{"Name": "one", "TTL": "60s"}, {"Name": "two", "TTL": "60s"}]}
    c.put("agent/service/register", first)
    seen = [sorted(c.ask("GET", "agent/checks", filter='ServiceID == "again"').json())]
    c.put(
        "agent/service/register",
        {"Name": "again", "Port": 2, "Check": {"TTL": "60s"}},
        **{"replace-existing-checks": "true"},
    )
    seen += [sorted(c.ask("GET", "agent/checks", filter='ServiceID == "again"').json())]
    seen += [c.ask("GET", "health/service/again").json()[0]["Service"]["Port"]]
    return [*seen, c.put("agent/service/deregister/again")]


def a_ttl_check_says_what_it_is_told(c: Client) -> Seen:
    c.put("agent/service/register", {"Name": "ttl", "Check": {"CheckID": "t", "TTL": "60s"}})
    seen = [c.get("health/service/ttl", passing="")]
    for word in ("pass", "warn", "fail"):
        seen += [c.put(f"agent/check/{word}/t", None, note=f"n-{word}"), c.get("agent/checks", filter='CheckID == "t"')]
        seen += [len(c.ask("GET", "health/service/ttl", passing="").json())]
    seen += [
        c.put("agent/check/update/t", {"Status": "passing", "Output": "o"}),
        c.get("agent/checks", filter='CheckID == "t"'),
        c.put("agent/check/update/t", {"Status": "fine"}),
        c.put("agent/check/pass/nothing"),
    ]
    return [*seen, c.put("agent/service/deregister/ttl"), c.get("agent/checks", filter='CheckID == "t"')]


def a_ttl_check_that_nobody_renews_turns_critical(c: Client) -> Seen:
    c.put("agent/service/register", {"Name": "late", "Check": {"TTL": "500ms", "Status": "passing"}})
    deadline = time.monotonic() + 10
    while c.ask("GET", "health/service/late", passing="").json() and time.monotonic() < deadline:
        time.sleep(0.05)
    seen = c.ask("GET", "agent/checks", filter='ServiceID == "late"').json()["service:late"]
    c.put("agent/service/deregister/late")
    return [seen["Status"], seen["Output"].split(" (")[0]]


def http_and_tcp_checks_are_run_by_the_agent(c: Client) -> Seen:
    port = c._http.base_url.port
    base = f"http://127.0.0.1:{port}/v1"
    checks = [
        {"CheckID": "h-good", "HTTP": f"{base}/status/leader", "Interval": "1s"},
        {"CheckID": "h-bad", "HTTP": f"{base}/nothing", "Interval": "1s", "Status": "passing"},
        {"CheckID": "t-good", "TCP": f"127.0.0.1:{port}", "Interval": "1s"},
        {"CheckID": "t-bad", "TCP": "127.0.0.1:1", "Interval": "1s", "Status": "passing"},
    ]
    c.put("agent/service/register", {"Name": "probed", "Checks": checks})
    expected = {"h-good": "passing", "h-bad": "critical", "t-good": "passing", "t-bad": "critical"}
    deadline, statuses = time.monotonic() + 10, {}
    while statuses != expected and time.monotonic() < deadline:
        time.sleep(0.05)
        entries = c.ask("GET", "agent/checks", filter='ServiceID == "probed"').json()
        statuses = {id: entry["Status"] for id, entry in entries.items()}
    shapes = {id: [entry["Type"], entry["Interval"], entry["Name"]] for id, entry in entries.items()}
    c.put("agent/service/deregister/probed")
    return [statuses, shapes]


def a_service_in_maintenance_is_not_passing(c: Client) -> Seen:
    c.put("agent/service/register", {"Name": "maint"})
    seen = [
        c.put("agent/service/maintenance/maint", None, enable="true"),
        c.get("health/checks/maint"),
        c.get("health/service/maint", passing=""),
        c.get("agent/health/service/name/maint", format="text"),
        c.put("agent/service/maintenance/maint", None, enable="false"),
        len(c.ask("GET", "health/service/maint", passing="").json()),
        c.put("agent/service/maintenance/maint", None, enable="true", reason="why"),
        [check["Notes"] for check in c.ask("GET", "health/checks/maint").json()],
        c.put("agent/service/maintenance/maint"),
        c.put("agent/service/maintenance/nothing", None, enable="true"),
    ]
    return [*seen, c.put("agent/service/deregister/maint")]


def mistakes_with_services_and_checks_are_named(c: Client) -> Seen:
    return [
        c.put("agent/service/register", {"Name": ""}),
        c.put("agent/service/register", "{bad"),
        c.put("agent/service/register"),
        c.put("agent/service/register", {"Name": "bad", "Check": {"HTTP": "http://127.0.0.1/"}}),
        c.put("agent/service/register", {"Name": "bad", "Check": {"Status": "fine", "TTL": "10s"}}),
        c.put("agent/service/deregister/nothing"),
        c.put("agent/check/register", {"Name": "x"}),
        c.put("agent/check/register", {"TTL": "3s"}),
        c.put("agent/check/register", {"Name": "x", "TTL": "3s", "ServiceID": "nothing"}),
        c.put("agent/check/register", {"Name": "x", "HTTP": "http://127.0.0.1/"}),
        c.put("agent/check/deregister/nothing"),
        c.get("agent/service/register"),
        c.see("DELETE", "agent/services"),
        c.put("status/leader"),
        c.get("nothing"),
        c.get("catalog/services", dc="elsewhere"),
    ]


def fields_that_do_not_exist_are_refused_by_name(c: Client) -> Seen:
    """A typing mistake is an error of the client, not a setting that is left out."""
    check = {"Name": "c", "TTL": "10s"}
    return [
        *(c.put("agent/service/register", body) for body in (
            {"Name": "x", "Prot": 80}, {"Name": "x", "service_id": "y"}, {"Name": "x", "ttl": 1},
            {"Name": "x", "Check": {"TTL": "10s", "Intervall": "1s"}}, {"Name": "x", "Checks": [{"TTL": "9s", "x": 1}]},
            {"Name": "x", "Weights": {"Passing": 1, "Failing": 1}}, {"Name": "x", "CHECK": {"check_id": "c"}},
        )),
        c.put("agent/check/register", check | {"CheckID": "c"}),
        *(c.put("catalog/register", {"Node": "n", "Address": "127.0.0.1", **body}) for body in (
            {"Foo": 1}, {"Service": {"Service": "s", "Name": "s"}}, {"Check": check},
        )),
        c.put("catalog/deregister", {"Node": "n", "Service": "s"}),
        sorted(c.get("agent/services")[2]),
    ]  # fmt: skip


def parameters_that_mean_nothing_are_refused(c: Client) -> Seen:
    """What a real one cannot read, or what contradicts itself, is an error here too."""
    flags = ("", "1", "t", "TRUE", "False", "0", "tRue", "maybe", "2", " ")
    numbers = ("", "0", "-1", "+1", "1_0", "1.5", "x", "18446744073709551616")
    both = {"stale": "", "consistent": ""}
    reads = ("catalog/services", "catalog/datacenters", "status/leader", "status/peers", "session/list", "kv/x")
    return [
        *(c.ask("GET", "health/service/consul", passing=flag).status_code for flag in flags),
        c.get("health/service/consul", passing="maybe"),
        *(c.ask("GET", "catalog/services", index=number).status_code for number in numbers),
        c.get("health/service/consul", index="-1"),
        c.get("catalog/nodes", wait="soon"),
        *(
            [answer.status_code, answer.text.partition("semantics.")[0]]
            for answer in (c.ask("GET", path, **both) for path in reads)
        ),
        c.ask("GET", "agent/services", **both).status_code,
    ]


def a_check_of_the_node_counts_for_all_its_services(c: Client) -> Seen:
    c.put("agent/service/register", {"Name": "on-node"})
    seen = [c.put("agent/check/register", {"Name": "disk", "TTL": "60s", "Status": "critical", "Notes": "full"})]
    seen += [
        c.get("health/service/on-node", passing=""),
        [check["CheckID"] for check in c.ask("GET", "health/service/on-node").json()[0]["Checks"]],
        [check["CheckID"] for check in c.ask("GET", "health/state/critical").json() if check["CheckID"] == "disk"],
        c.get("health/node/devctl", filter='CheckID == "disk"'),
        c.put("agent/check/deregister/disk"),
        len(c.ask("GET", "health/service/on-node", passing="").json()),
    ]
    return [*seen, c.put("agent/service/deregister/on-node")]


def a_reader_of_a_service_is_woken_by_its_changes(c: Client) -> Seen:
    definition = {"Name": "watched", "Check": {"CheckID": "w", "TTL": "60s", "Status": "passing"}}
    c.put("agent/service/register", definition)
    seen = [
        c.blocked("health/service/watched", lambda: c.put("agent/check/fail/w"), passing=""),
        c.blocked("health/service/watched", lambda: c.put("agent/check/pass/w"), passing=""),
        c.blocked("health/service/watched", lambda: c.put("kv/watched", "x"), wait="500ms"),
        c.blocked("catalog/service/watched", lambda: c.put("agent/service/register", definition | {"Port": 5})),
        c.blocked("health/checks/watched", lambda: c.put("agent/check/warn/w")),
        c.blocked("health/service/watched", lambda: c.put("agent/service/deregister/watched")),
    ]
    for entry in seen:
        entry["body"] = len(entry["body"])
    return seen


def the_catalog_takes_nodes_services_and_checks(c: Client) -> Seen:
    return [
        c.put("catalog/register", {"Node": "far", "Address": "10.0.0.9", "NodeMeta": {"rack": "r1"}}),
        c.put(
            "catalog/register",
            {
                "Node": "far",
                "Address": "10.0.0.9",
                "SkipNodeUpdate": True,
                "Service": {"Service": "db", "ID": "db1", "Port": 5},
            },
        ),
        c.put(
            "catalog/register",
            {
                "Node": "far",
                "Address": "10.0.0.9",
                "SkipNodeUpdate": True,
                "Check": {"CheckID": "c1", "Name": "alive", "Status": "passing", "ServiceID": "db1"},
            },
        ),
        c.put("catalog/register", {"Node": "far"}),
        [node["Node"] for node in c.ask("GET", "catalog/nodes").json()],
        [node["Node"] for node in c.ask("GET", "catalog/nodes", **{"node-meta": "rack:r1"}).json()],
        c.ask("GET", "catalog/service/db").json()[0]["ServicePort"],
        [node["CheckID"] for node in c.ask("GET", "health/service/db", passing="").json()[0]["Checks"]],
        sorted(c.ask("GET", "catalog/node/far").json()["Services"]),
        [node["ID"] for node in c.ask("GET", "catalog/node-services/far").json()["Services"]],
        c.put("catalog/deregister", {"Node": "far", "CheckID": "c1"}),
        c.put("catalog/deregister", {"Node": "far", "ServiceID": "db1"}),
        c.get("catalog/service/db"),
        c.put("catalog/deregister", {"Node": "far"}),
        c.get("catalog/node/far"),
        c.get("catalog/node-services/far"),
        [node["Node"] for node in c.ask("GET", "catalog/nodes").json()],
    ]


def filters_choose_among_what_is_there(c: Client) -> Seen:
    for id, version, tags in (("f1", "1", ["blue"]), ("f2", "2", ["green", "blue"]), ("f3", "2", [])):
        c.put(
            "agent/service/register", {"Name": "filt", "ID": id, "Port": 7, "Tags": tags, "Meta": {"version": version}}
        )
    filters = [
        'Service.Meta.version == "2"',
        "Service.Meta.version != 2",
        '"blue" in Service.Tags',
        'Service.Tags contains "green"',
        '"blue" not in Service.Tags and Service.Port == 7',
        "Service.Tags is empty",
        "Service.Tags is not empty and not Service.ID == f1",
        '(Service.ID == f1 or Service.ID == "f3") and Service.Meta.version == 2',
        "Service.ID matches `^f[12]$`",
        "Service.ID not matches `^f[12]$`",
        'Service.Meta.none == "x"',
        '"version" in Service.Meta',
        'Node.Node == "devctl" and Service.ID == f2',
    ]
    seen = [
        [entry["Service"]["ID"] for entry in c.ask("GET", "health/service/filt", filter=text).json()]
        for text in filters
    ]
    for id in ("f1", "f2", "f3"):
        c.put(f"agent/service/deregister/{id}")
    return dict(zip(filters, seen, strict=True))


def the_health_of_local_services_is_also_a_status_code(c: Client) -> Seen:
    c.put("agent/service/register", {"Name": "code", "Check": {"CheckID": "code", "TTL": "60s", "Status": "passing"}})
    seen = []
    for word in ("pass", "warn", "fail"):
        c.put(f"agent/check/{word}/code")
        seen += [c.get("agent/health/service/id/code", format="text")]
        answer = c.ask("GET", "agent/health/service/name/code")
        seen += [answer.status_code, answer.json()[0]["AggregatedStatus"], answer.headers["x-consul-reason"]]
    seen += [c.ask("GET", "agent/health/service/id/none").status_code, c.get("agent/health/service/name/none")]
    c.put("agent/service/deregister/code")
    return seen


def _node_with_addresses(c: Client) -> dict[str, Any] | None:
    node: dict[str, Any] = c.ask("GET", "catalog/nodes").json()[0]
    return node if node["TaggedAddresses"] else None


def the_server_says_who_it_is(c: Client) -> Seen:
    me = c.ask("GET", "agent/self").json()
    member = c.ask("GET", "agent/members").json()[0]
    # The real one tells its catalog of its addresses a moment after it leads.
    node = eventually(lambda: _node_with_addresses(c), within=30, what="the node with its addresses")
    leader = c.ask("GET", "status/leader").json()
    return [
        {name: me["Config"][name] for name in ("Datacenter", "NodeName", "Server")},
        me["Config"]["NodeID"] == node["ID"],
        [member["Name"], member["Addr"], member["Status"], member["Tags"]["dc"], member["Tags"]["role"]],
        {name: node[name] for name in ("Node", "Address", "Datacenter", "TaggedAddresses")},
        leader.startswith("127.0.0.1:") and c.ask("GET", "status/peers").json() == [leader],
        c.get("catalog/datacenters"),
        "consul" in c.ask("GET", "catalog/services").json(),
        c._http.get(c._http.base_url.copy_with(path="/")).headers["location"],
    ]


def every_read_tells_its_index(c: Client) -> Seen:
    paths = ("kv/nothing", "catalog/nodes", "catalog/services", "health/state/any", "session/list", "health/service/x")
    names = ("x-consul-index", "x-consul-knownleader", "x-consul-lastcontact")
    return {path: [name in c.ask("GET", path).headers for name in names] for path in paths}


SCENARIOS: dict[str, Callable[[Client], Seen]] = {
    function.__name__: function
    for function in (
        keys_are_written_read_listed_and_deleted,
        keys_with_odd_names_stay_as_they_are,
        a_write_with_an_old_index_is_refused,
        the_same_value_again_is_no_change,
        mistakes_with_keys_are_named,
        a_reader_of_a_key_is_woken_by_its_change_alone,
        a_session_holds_and_releases_a_lock,
        the_end_of_a_session_frees_or_deletes_what_it_held,
        sessions_are_made_listed_renewed_and_destroyed,
        mistakes_with_sessions_are_named,
        a_session_ends_with_its_check,
        a_service_is_registered_found_and_deregistered,
        a_service_without_anything_else_gets_defaults,
        names_of_fields_may_be_written_in_any_case,
        registering_again_changes_the_service,
        a_ttl_check_says_what_it_is_told,
        a_ttl_check_that_nobody_renews_turns_critical,
        http_and_tcp_checks_are_run_by_the_agent,
        a_service_in_maintenance_is_not_passing,
        mistakes_with_services_and_checks_are_named,
        fields_that_do_not_exist_are_refused_by_name,
        parameters_that_mean_nothing_are_refused,
        a_check_of_the_node_counts_for_all_its_services,
        a_reader_of_a_service_is_woken_by_its_changes,
        the_catalog_takes_nodes_services_and_checks,
        filters_choose_among_what_is_there,
        the_health_of_local_services_is_also_a_status_code,
        the_server_says_who_it_is,
        every_read_tells_its_index,
    )
}


def observe(url: str, name: str) -> Seen:
    """Run one scenario against a server and give what it saw."""
    client = Client(url)
    try:
        return SCENARIOS[name](client)
    finally:
        client.close()
