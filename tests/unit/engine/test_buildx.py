"""What is read from the plain progress of `docker buildx`."""

from devctl.engine import buildx
from devctl.engine.images import Progress

OUTPUT = """\
#0 building with "default" instance using docker driver

#1 [internal] load build definition from Dockerfile
#1 transferring dockerfile: 104B done
#1 DONE 0.0s

#5 [1/3] FROM docker.io/library/base:1
#5 CACHED

#6 [2/3] RUN echo hello
#6 0.182 hello
#6 DONE 0.2s

#7 [build 3/3] RUN echo sad; exit 7
#7 0.201 sad
#7 ERROR: process "/bin/sh -c echo sad; exit 7" did not complete successfully: exit code: 7
------
 > [3/3] RUN echo sad; exit 7:
0.201 sad
------
Dockerfile:3
--------------------
   1 |     FROM base:1
   2 |     RUN echo hello
   3 | >>> RUN echo sad; exit 7
--------------------
ERROR: failed to solve: process "/bin/sh -c echo sad; exit 7" did not complete successfully: exit code: 7
"""


def test_steps_are_reported_and_the_failing_one_is_named() -> None:
    stages: list[Progress] = []
    failure = buildx.follow(OUTPUT.splitlines(keepends=True), stages.append)
    assert [each.stage for each in stages] == [
        "step 1/3: FROM docker.io/library/base:1", "step 2/3: RUN echo hello",
        "step build 3/3: RUN echo sad; exit 7",
    ]  # fmt: skip
    assert (failure.step, failure.line) == ("RUN echo sad; exit 7", 3)
    assert failure.error == "returned a non-zero code: 7"
    assert failure.lines[-1] == "sad"


def test_silence_is_a_failure_too() -> None:
    assert "buildx" in buildx.follow([], lambda _: None).error
