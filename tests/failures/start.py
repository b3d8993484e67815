"""The start tier: what can keep a stack from coming up."""

from __future__ import annotations

from tests.failures.harness import Case

PY = "@PYTHON@"
SERVE = (
    "import os,http.server as h;"
    "h.HTTPServer(('127.0.0.1',int(os.environ['PORT'])),h.SimpleHTTPRequestHandler).serve_forever()"
)
SERVE_IPV6 = (
    "import os,socket,http.server as h;H=type('H',(h.HTTPServer,),dict(address_family=socket.AF_INET6));"
    "H(('::1',int(os.environ['PORT'])),h.SimpleHTTPRequestHandler).serve_forever()"
)
SHORT = "{http: /, start_period: 3s, interval: 500ms, timeout: 1s, retries: 2}"


def press(code: str, *, check: str = SHORT, extra: str = "", more: str = "", ports: str = "{http: auto}") -> str:
    """Return a stack of a paper that one program serves and a reader that waits for it."""
    return f"""
services:
  ink:
    command: [{PY}, -c, {quoted(SERVE)}]
    ports: {{http: auto}}
    healthcheck: {{http: /}}
  paper:
    command: [{PY}, -c, {quoted(code)}]
    ports: {ports}
    healthcheck: {check}
    depends_on: {{ink: {{condition: service_healthy}}}}
    {extra}
  reader:
    command: [sleep, "600"]
    depends_on: {{paper: {{condition: service_healthy}}}}
{more}"""


def quoted(code: str) -> str:
    return '"' + code.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def case(name: str, code: str, *kinds: str, fast: bool = False, **options: str) -> Case:
    return Case(f"start: {name}", "start", "press", press(code, **options), "paper", kinds, ("reader",), fast=fast)


CASES = [
    case("port taken", "import socket; socket.create_server(('127.0.0.1', @TAKEN@))", "port-taken", fast=True),
    Case(
        "start: program missing",
        "start",
        "press",
        press(SERVE).replace(
            f"command: [{PY}, -c, {quoted(SERVE)}]\n    ports: {{http: auto}}\n    healthcheck: {SHORT}",
            f"command: [no-such-press]\n    ports: {{http: auto}}\n    healthcheck: {SHORT}",
        ),
        "paper",
        ("program-missing",),
        ("reader",),
        fast=True,
    ),
    case("import error", "import no_such_module", "module-missing", fast=True),
    case("variable missing", "import os; os.environ['INK_COLOUR']", "variable-missing", fast=True),
    case("probe on 404", SERVE, "probe-path", check=SHORT.replace("/,", "/nowhere,"), fast=True),
    case(
        "hanging",
        "import os,socket,time; s=socket.create_server(('127.0.0.1',int(os.environ['PORT']))); time.sleep(600)",
        "hanging",
    ),
    case("wrong port", SERVE.replace("int(os.environ['PORT'])", "0"), "wrong-port", fast=True),
    case(
        "never listens", "import time; print('warming up', flush=True); time.sleep(600)", "not-listening", "slow-start"
    ),
    case(
        "unhealthy by its own word",
        "import os,http.server as h\nclass H(h.BaseHTTPRequestHandler):\n"
        " def do_GET(s):\n  s.send_response(503); s.end_headers(); s.wfile.write(b'no ink')\n"
        "h.HTTPServer(('127.0.0.1',int(os.environ['PORT'])),H).serve_forever()",
        "not-ready",
    ),
    case("crash at start", "raise SystemExit('the press is broken')", "exited", fast=True),
    case("exit 0", "print('printed')", "exit-0", fast=True),
    case("killed", "import os; os.kill(os.getpid(), 9)", "killed", "out-of-memory", fast=True),
    case("exit 137", "raise SystemExit(137)", "killed", "out-of-memory"),
    case("segmentation fault", "import os; os.kill(os.getpid(), 11)", "native-crash"),
    case("disk full", "f=open('/dev/full','w'); f.write('x'*99999); f.flush()", "disk-full", fast=True),
    case("permission", "raise PermissionError(13, 'Permission denied', '/var/ink.db')", "permission"),
    case("unknown host", "import socket; socket.create_connection(('ink.invalid', 80))", "unknown-host"),
    case("slow start", "import time; time.sleep(25)\n" + SERVE, "slow-start", check=SHORT.replace("3s", "60s")),
    Case(
        "start: bad configuration file",
        "start",
        "press",
        press("import json; json.load(open('press.json'))"),
        "paper",
        ("configuration",),
        ("reader",),
        files={"press.json": '{"ink": "black",}\n'},
        fast=True,
    ),
    case(
        "topic missing",
        "import time\nfor _ in range(9): print('ERROR Unknown topic or partition: press.pages.v1',"
        " flush=True); time.sleep(.1)\nraise SystemExit(1)",
        "topic-missing",
    ),
    case(
        "authentication",
        "raise SystemExit('FATAL: password authentication failed for user \"press\"')",
        "authentication",
    ),
    case("schema", "import sqlite3; sqlite3.connect(':memory:').execute('SELECT 1 FROM pages')", "schema"),
    case("address of nobody", "import socket; socket.create_connection(('127.0.0.1', 9))", "refused"),
    case("file missing", "open('/nowhere/letters.txt')", "file-missing"),
    case(
        "shell command missing",
        "import subprocess, sys; sys.exit(subprocess.call(['sh','-c','inkjet --go']))",
        "program-missing",
    ),
    case("syntax error", "def press(:", "syntax-error"),
    Case(
        "start: job failed",
        "start",
        "press",
        f"""
services:
  migrate: {{command: [sh, -c, "echo migration 7 is broken; exit 4"]}}
  paper:
    command: [{PY}, -c, {quoted(SERVE)}]
    ports: {{http: auto}}
    depends_on: {{migrate: {{condition: service_completed_successfully}}}}
""",
        "migrate",
        ("job-failed",),
        ("paper",),
        fast=True,
    ),
    Case(
        "start: image without engine",
        "start",
        "press",
        """
services:
  plates: {image: "example.invalid/plates:1", ports: {http: auto}}
  paper:
    command: [sleep, "600"]
    depends_on: {plates: {condition: service_started}}
""",
        "plates",
        ("unavailable",),
        ("paper",),
    ),
    Case(
        "start: crash loop while it pauses",
        "start",
        "press",
        f"""
services:
  paper:
    command: [{PY}, -c, "import time; time.sleep(.4); print('jammed'); raise SystemExit(9)"]
    restart: always
  reader: {{command: [sleep, "600"], depends_on: [paper]}}
""",
        "paper",
        ("crash-loop", "exited"),
        (),
        fast=True,
    ),
    Case(
        "start: on ::1 only",
        "start",
        "press",
        f"""
services:
  ink:
    command: [{PY}, -c, {quoted(SERVE_IPV6)}]
    ports: {{http: auto}}
    healthcheck: {{http: /}}
  paper:
    command: [{PY}, -c, "import os,urllib.request as r; r.urlopen(os.environ['INK'])"]
    environment: {{INK: "http://${{services.ink.http}}/"}}
    ports: {{http: auto}}
    healthcheck: {SHORT}
    depends_on: {{ink: {{condition: service_healthy}}}}
""",
        "ink",
        ("wrong-address",),
        ("paper",),
    ),
    Case(
        "start: dependency crashed",
        "start",
        "ledger",
        f"""
services:
  store: {{command: [{PY}, -c, "raise SystemExit('the vault is shut')"], ports: {{http: auto}}, healthcheck: {SHORT}}}
  book: {{command: [{PY}, "@NODE@"], ports: {{http: auto}}, healthcheck: {{http: /health}},
    environment: {{CALLS: "store=http://${{services.store.http}}"}},
    depends_on: {{store: {{condition: service_healthy}}}}}}
  front: {{command: [{PY}, "@NODE@"], ports: {{http: auto}}, healthcheck: {{http: /health}},
    environment: {{CALLS: "book=http://${{services.book.http}}"}},
    depends_on: {{book: {{condition: service_healthy}}}}}}
""",
        "store",
        ("exited",),
        ("book", "front"),
        fast=True,
    ),
    Case(
        "start: refused by what crashed",
        "start",
        "ledger",
        f"""
services:
  store: {{command: [{PY}, -c, "raise SystemExit('the vault is shut')"], ports: {{http: auto}}, restart: "no"}}
  book: {{command: [{PY}, -c, "import os,time,urllib.request as r; time.sleep(.3); r.urlopen(os.environ['STORE'])"],
    ports: {{http: auto}}, healthcheck: {SHORT}, environment: {{STORE: "http://${{services.store.http}}/"}}}}
""",
        "store",
        ("exited", "exit-0"),
        ("book",),
    ),
]
