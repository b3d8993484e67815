"""What the pages around the boards show of a run's record."""

import json
from pathlib import Path

from devctl.web.stack import StackRecord
from tests.unit.record.streams import make_run, write

HOSTILE = "\x1b[31mERROR\x1b[0m <b>red</b> \x1b]8;;http://elsewhere/\x07link\x1b]8;;\x07 \u202etxt.exe"


def test_lines_reach_the_page_without_colours_of_a_terminal_and_without_hidden_letters(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    line = json.dumps({"level": "error", "message": HOSTILE, "by": HOSTILE})
    write(run, "order.1", [(1_000, f"{line}\n".encode()), (2_000, f"{HOSTILE}\n".encode())])
    shown = StackRecord(run.folder).lines({})["lines"]
    clean = "ERROR <b>red</b> link \\u202etxt.exe"
    assert [each["message"] for each in shown] == [clean, clean]
    assert shown[0]["fields"]["by"] == clean
