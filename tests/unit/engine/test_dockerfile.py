"""What is read from a Dockerfile: its instructions with their lines, and what it builds on."""

import pytest

from devctl.engine import dockerfile

FILE = """\
# syntax=docker/dockerfile:1
ARG BASE=python:3
ARG TAG
FROM ${BASE} AS build
RUN one \\
    # a remark
    two \\

    three
run <<EOF
FROM not-me
EOF
COPY --from=build /a /b
COPY --from=busybox:1 /c /d
FROM --platform=linux/amd64 base:${TAG:-4} as last
FROM build
FROM scratch
COPY --from=0 / /
"""


def test_instructions_have_the_line_that_they_begin_in() -> None:
    steps = dockerfile.instructions(FILE)
    assert [(step.line, step.keyword) for step in steps] == [
        (2, "ARG"), (3, "ARG"), (4, "FROM"), (5, "RUN"), (10, "RUN"), (13, "COPY"), (14, "COPY"), (15, "FROM"),
        (16, "FROM"), (17, "FROM"), (18, "COPY"),
    ]  # fmt: skip
    assert steps[3].rest == "one two three"


def test_another_escape_goes_on_in_the_next_line() -> None:
    (run,) = dockerfile.instructions("# escape=`\nRUN one `\n  two\n")
    assert (run.line, run.rest) == (2, "one two")


@pytest.mark.parametrize(
    ("args", "images"),
    [
        ({}, ["python:3", "busybox:1", "base:4"]),
        ({"BASE": "mine", "TAG": "5"}, ["mine", "busybox:1", "base:5"]),
    ],
)
def test_the_bases_are_images_and_no_stages(args: dict[str, str], images: list[str]) -> None:
    assert dockerfile.bases(dockerfile.instructions(FILE), args) == images


@pytest.mark.parametrize("text", ["", "\\", "FROM", "RUN <<EOF\nnever closed", "# only a remark", "FROM a as"])
def test_a_broken_file_is_read_all_the_same(text: str) -> None:
    dockerfile.bases(dockerfile.instructions(text), {})
