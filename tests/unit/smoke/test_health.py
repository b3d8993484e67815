"""What the watcher of a run takes from what the supervisor says."""

from typing import Any, cast

from devctl.smoke.health import Watcher


def item(*, restarts: int, exit_code: int | None = None, status: str = "running") -> Any:
    instance = {"id": "worker.1", "restarts": restarts, "exit_code": exit_code}
    view = {"name": "worker", "status": status, "optional": False, "instances": [instance]}
    return {"services": [view]}


def test_a_restart_is_counted_with_the_exit_code_that_came_before_it() -> None:
    watcher = Watcher(cast(Any, None))
    for news in (item(restarts=0), item(restarts=0, exit_code=3), item(restarts=1)):
        watcher.update(news)
    assert (watcher.restarted, watcher.exit_codes) == (["worker"], {"worker": 3})


def test_restarts_before_it_looked_are_none_of_its_own() -> None:
    watcher = Watcher(cast(Any, None))
    watcher.update(item(restarts=4))
    assert watcher.restarted == []
