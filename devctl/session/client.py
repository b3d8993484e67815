"""The client's side of the session: sends calls over a connection and reads the answers.

How a connection is found or made is `session.connect`'s part. Standard library only, no asyncio and no heavy import:
every command pays for this module.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from devctl.errors import DevctlError, ExitCode
from devctl.machine.process import wait_until_gone
from devctl.session.instance_requests import InstanceRequests
from devctl.session.protocol import (
    READING_CALLS,
    VERSION,
    CheckView,
    HelloView,
    Item,
    OnItem,
    Settled,
    SnapshotView,
    SpecView,
    StatusView,
    StepView,
)
from devctl.session.stream import Stream

if TYPE_CHECKING:
    from devctl.core.spec import Spec

MOST_RECONNECTS = 8
RECONNECT_SECONDS = 0.05  # before the second try, twice that before the third, …
_END_SECONDS = 10.0  # how long a supervisor may take to end after it has answered `down`

Reconnect = Callable[[bool], socket.socket | None]
"""Returns another connection to the stack's supervisor, None when none runs; one is started if the argument says so."""


class CallCancelled(Exception):
    """Another thread ended the call."""


class Client(InstanceRequests):
    """A connection to the supervisor of one stack; implements `session.protocol.Session`. One call at a time."""

    def __init__(self, connection: socket.socket, reconnect: Reconnect, *, started: bool = False) -> None:
        self.started = started  # this client started the supervisor
        self.name = os.urandom(8).hex()  # by which a supervisor tells whether this client began the run
        self._find_again = reconnect
        self._stream = Stream(connection)
        self._last = 0
        self._reconnects = 0
        self._is_cancelled = False

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the stack goes on."""
        self._stream.close()

    def cancel(self) -> None:
        """End the call that is under way in another thread: it raises CallCancelled, and what it asked for goes on."""
        self._is_cancelled = True
        self._stream.shut()

    def hello(self) -> HelloView:
        """Say who answers, and which run."""
        return cast(HelloView, self._ask("hello"))

    def status(self) -> StatusView:
        """Return the status of the whole stack."""
        return cast(StatusView, self._ask("status"))

    def apply(
        self,
        spec: Spec,
        *,
        names: Sequence[str] = (),
        force: bool = False,
        no_deps: bool = False,
        watch: bool = False,
        wait: bool = True,
        all_at_once: bool = False,
        on_item: OnItem | None = None,
    ) -> Settled:
        """Bring `names` (none: all that is active) and what they need up, as `spec` says; see Session.apply."""
        arguments = {
            "names": list(names), "force": force, "no_deps": no_deps, "watch": watch, "wait": wait,
            "all_at_once": all_at_once,
        }  # fmt: skip
        return cast(Settled, self._ask("apply", on_item, spec=_plain(spec), starter=self.name, **arguments))

    def start(self, names: Sequence[str], *, wait: bool = True, on_item: OnItem | None = None) -> Settled:
        """Bring services of the specification in force up again."""
        return cast(Settled, self._ask("apply", on_item, spec=None, names=list(names), wait=wait))

    def plan(
        self, spec: Spec, *, names: Sequence[str] = (), force: bool = False, no_deps: bool = False
    ) -> list[StepView]:
        """Return the steps that `apply` would take, and take none."""
        answer = self._ask("plan", None, spec=_plain(spec), names=list(names), force=force, no_deps=no_deps)
        return cast(list[StepView], answer)

    def watch(self) -> Iterator[Item]:
        """Yield the status, then every change, until the stack is gone or the iterator is closed."""
        number = self._send("watch", {})
        for answer in self._answers(number, patiently=True):
            if "item" not in answer:
                return
            yield answer["item"]

    def stop(self, names: Sequence[str], *, on_item: OnItem | None = None) -> Settled:
        """Stop `names` and nothing else; return when no process of them is left."""
        return cast(Settled, self._ask("stop", on_item, names=list(names)))

    def restart(
        self,
        names: Sequence[str],
        *,
        with_dependents: bool = False,
        wait: bool = True,
        all_at_once: bool = False,
        on_item: OnItem | None = None,
    ) -> Settled:
        """Restart `names` in dependency order; return when they are settled again."""
        arguments = {
            "names": list(names), "with_dependents": with_dependents, "wait": wait, "all_at_once": all_at_once
        }  # fmt: skip
        return cast(Settled, self._ask("restart", on_item, **arguments))

    def scale(self, counts: Mapping[str, int], *, wait: bool = True, on_item: OnItem | None = None) -> Settled:
        """Run so many instances of services; return when they are settled."""
        return cast(Settled, self._ask("scale", on_item, counts=dict(counts), wait=wait))

    def add_fault(self, fault: Mapping[str, Any], *, seconds: float | None = None) -> dict[str, Any]:
        """Put a fault on the wire of a relayed service; return it with its name."""
        return cast(dict[str, Any], self._ask("fault_add", fault=dict(fault), seconds=seconds))

    def remove_faults(self, names: Sequence[str] = ()) -> list[str]:
        """Take faults off the wire (all without names); return the names of those that were there."""
        return cast(list[str], self._ask("fault_remove", names=list(names)))

    def check(self, names: Sequence[str] = ()) -> list[CheckView]:
        """Run the probes now and return what they saw."""
        return cast(list[CheckView], self._ask("check", names=list(names)))

    def snapshot(self) -> SnapshotView:
        """Return specification, state and last answers of the probes, as of one moment."""
        return cast(SnapshotView, self._ask("snapshot"))

    def spec(self) -> SpecView:
        """Return the specification in force with the launch of every instance."""
        return cast(SpecView, self._ask("spec"))

    def down(self, *, volumes: bool = False, now: bool = False, on_item: OnItem | None = None) -> Settled:
        """Stop everything in reverse order and end the run; `now` kills at once. `volumes` also deletes the data."""
        supervisor = self.hello()["pid"]
        settled = cast(Settled, self._ask("down", on_item, volumes=volumes, now=now))
        wait_until_gone(supervisor, _END_SECONDS)
        return settled

    def _ask(self, call: str, on_item: OnItem | None = None, **arguments: object) -> Any:
        """Send one call, hand its items to `on_item`, and return its result."""
        number = self._send(call, arguments)
        is_unanswered = True
        for answer in self._answers(number):
            if "item" not in answer:
                return answer["result"]
            is_unanswered = False
            if on_item is not None:
                on_item(answer["item"])
        if (call in READING_CALLS or (call == "apply" and is_unanswered)) and self._reconnect(start=call == "apply"):
            return self._ask(call, on_item, **arguments)
        raise DevctlError(
            "the supervisor ended before it answered", next="Run the command again: a new supervisor takes over."
        )

    def _reconnect(self, *, start: bool) -> bool:
        """Find the stack again after its supervisor died or ended as idle.

        More than once, since what is reached may still be the one that is ending; but not for ever.
        """
        if self._reconnects == MOST_RECONNECTS:
            return False
        time.sleep(RECONNECT_SECONDS * self._reconnects)
        self._reconnects += 1
        connection = self._find_again(start)
        if connection is None:
            return False
        self.close()
        self._stream = Stream(connection)
        if self._is_cancelled:  # before this connection was there to be shut
            raise CallCancelled
        return True

    def _send(self, call: str, arguments: dict[str, object]) -> int:
        self._last += 1
        request = {"v": VERSION, "id": self._last, "call": call, **arguments}
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # reading then tells that it is gone
            self._stream.write(json.dumps(request).encode() + b"\n")
        return self._last

    def _answers(self, number: int, *, patiently: bool = False) -> Iterator[dict[str, Any]]:
        """Yield the answers to call `number` up to and with its result; raise its error; end when nobody is there."""
        with contextlib.suppress(ConnectionResetError):
            while line := self._stream.read_line(patiently=patiently):
                answer = json.loads(line)
                if answer.get("id") != number:
                    continue
                if "error" in answer:
                    raise error_from(answer["error"])
                yield answer
                if "result" in answer:
                    return
        if self._is_cancelled:
            raise CallCancelled


def error_from(body: dict[str, Any]) -> DevctlError:
    """Return the exception that an `error` answer stands for."""
    error = DevctlError(str(body["what"]), where=str(body.get("where", "")), next=str(body.get("next", "")))
    error.exit_code = ExitCode(body.get("exit_code", ExitCode.UNHEALTHY))
    return error


def _plain(spec: Spec) -> Any:
    from devctl.core.spec import to_json

    return to_json(spec)
