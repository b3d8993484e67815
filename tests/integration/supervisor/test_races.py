"""Requests that meet: whoever takes the stack down has the last word."""

from __future__ import annotations

from devctl.core.spec import to_json
from tests.integration.supervisor.conftest import RealStack, process
from tests.waiting import eventually


def test_a_down_that_meets_a_first_start_which_waits_for_the_keeper_leaves_nothing(stack: RealStack) -> None:
    with stack.client() as starter, stack.client() as stopper:
        spec = to_json(stack.spec(process("a", "sleep", "600")))
        starter._send("apply", {"spec": spec, "names": []})
        stopper.down()
    eventually(lambda: not stack.is_left(), what="nothing left")


def test_a_restart_that_meets_a_down_brings_nothing_up_again(stack: RealStack) -> None:
    with stack.client() as client:
        client.apply(stack.spec(process("a", "sh", "-c", "trap 'sleep 0.3; exit' TERM; while :; do sleep 0.02; done")))
    with stack.client() as stopper, stack.client() as restarter:
        stopper._send("down", {})
        eventually(lambda: restarter.status()["status"] == "stopping")
        restarter._send("restart", {"names": ["a"]})
        list(stopper._answers(1))
    eventually(lambda: not stack.is_left(), what="nothing left")
