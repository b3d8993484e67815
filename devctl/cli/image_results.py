"""How `build` and `pull` show what came of each image."""

from __future__ import annotations

import json
from collections.abc import Sequence

from devctl.cli.context import Context
from devctl.errors import DevctlError
from devctl.text import clean, duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.actions.images import ImageResult

SHAPE = (
    "JSON lines: `progress` as in `up --json`, then `{type: image, services, image, state, id, seconds}` for each, "
    "with `state` built, pulled or unchanged, or `{type: failure, services, image, reason, where, step, lines, cure}`; "
    "`step` is the instruction that failed, `where` its file and line, `lines` what it wrote last."
)
_ID_LETTERS = 19  # sha256: and as many letters as `docker images` shows


def show(context: Context, results: Sequence[ImageResult], *, as_json: bool) -> int:
    """Show the results and return the exit code."""
    for result in results:
        if as_json:
            context.terminal.write(json.dumps(_plain(result)))
        else:
            _tell(context, result)
    return max((r.outcome.exit_code for r in results if isinstance(r.outcome, DevctlError)), default=0)


def _plain(result: ImageResult) -> dict[str, object]:
    head = {"services": list(result.services), "image": result.image}
    error = result.outcome
    if not isinstance(error, DevctlError):
        return {"type": "image", **head, "state": error, "id": result.id, "seconds": round(result.seconds, 3)}
    lines = list(getattr(error, "lines", ()))
    cure = "" if lines else error.next
    return {
        "type": "failure", **head, "reason": error.what, "where": error.where, "step": getattr(error, "step", ""),
        "lines": lines, "cure": cure,
    }  # fmt: skip


def _tell(context: Context, result: ImageResult) -> None:
    if isinstance(result.outcome, DevctlError):
        from devctl.render import problems

        context.terminal.flush()
        context.terminal.say(problems.text(result.outcome, context.terminal))
        return
    took = f" in {duration(result.seconds)}" if result.outcome == "built" else ""
    names = ", ".join(map(clean, result.services))
    context.terminal.write(f"{clean(result.image)}  {result.outcome}{took}  {result.id[:_ID_LETTERS]}  ({names})")
