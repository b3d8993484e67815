"""Jars of a lock: each verified, the user's own repository first, all of them or none."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from devctl.products.kafka.tools import KAFKA
from devctl.tools import cache, maven
from devctl.tools.base import Progress, Refused, SourceFailed, UnreachableHosts
from devctl.tools.entry import Entry, Jar
from tests.integration.tools.publisher import Publisher, publishing

CONTENTS = {name: name.encode() * 1000 for name in ("one", "two", "three")}


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with publishing() as server:
        yield server


@pytest.fixture
def lock(publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> maven.Lock:
    """Three jars at the publisher, which stands in for Maven Central."""
    monkeypatch.setenv("DEVCTL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("M2_REPO", str(tmp_path / "m2"))
    jars = tuple(Jar("org.demo", name, "1", hashlib.sha256(body).hexdigest()) for name, body in CONTENTS.items())
    for jar in jars:
        publisher.put(f"/{jar.path}", CONTENTS[jar.artifact])
    made = maven.Lock("1", sum(map(len, CONTENTS.values())), jars)
    monkeypatch.setattr(maven, "read_lock", lambda _: made)
    monkeypatch.setattr(maven, "central", lambda: publisher.url("").rstrip("/"))
    return made


def test_all_jars_lie_in_one_folder_and_progress_ends_with_their_size(lock: maven.Lock) -> None:
    seen: list[Progress] = []
    tool = maven.fetch(KAFKA, seen.append, UnreachableHosts())
    assert {path.name: path.read_bytes() for path in Path(tool.path).iterdir()} == {
        f"{name}-1.jar": body for name, body in CONTENTS.items()
    }
    assert (seen[-1].bytes, seen[-1].total) == (lock.bytes, lock.bytes)
    assert tool.checksum == lock.checksum
    assert cache.find(KAFKA) == tool


def test_what_the_users_own_repository_has_is_not_fetched_unless_it_is_wrong(
    lock: maven.Lock, publisher: Publisher, tmp_path: Path
) -> None:
    for jar, body in zip(lock.jars, (CONTENTS["one"], b"something else"), strict=False):
        local = tmp_path / "m2" / jar.path
        local.parent.mkdir(parents=True)
        local.write_bytes(body)
    maven.fetch(KAFKA, lambda _: None, UnreachableHosts())
    assert {path for path, _ in publisher.requests} == {f"/{jar.path}" for jar in lock.jars[1:]}


@pytest.mark.usefixtures("lock")
@pytest.mark.parametrize(("body", "problem"), [(b"evil", Refused), (None, SourceFailed)])
def test_one_wrong_or_missing_jar_leaves_nothing(
    publisher: Publisher, body: bytes | None, problem: type[Exception]
) -> None:
    path = "/org/demo/two/1/two-1.jar"
    publisher.files.pop(path)
    if body is not None:
        publisher.files[path] = body
    with pytest.raises(problem):
        maven.fetch(KAFKA, lambda _: None, UnreachableHosts())
    assert cache.find(KAFKA) is None
    assert not list(cache.base().glob(".work-*"))


def web_jar(publisher: Publisher) -> Entry:
    """Return the entry of a jar at the publisher that holds the files of a package of the web."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in ("dist/chart.js", "LICENSE"):
            archive.writestr(f"META-INF/resources/webjars/chart/1/{name}", name)
    jar = Jar("org.demo", "chart", "1", hashlib.sha256(content.getvalue()).hexdigest())
    publisher.put(f"/{jar.path}", content.getvalue())
    program = "META-INF/resources/webjars/chart/*/dist/chart.js"
    return Entry("chart", "a chart", ("cache", "maven"), jar=jar, version="1", program=program, is_folder=True)


@pytest.mark.usefixtures("lock")
def test_a_jar_that_is_brought_for_its_content_is_unpacked_with_its_licence(publisher: Publisher) -> None:
    entry = web_jar(publisher)
    tool = maven.fetch(entry, lambda _: None, UnreachableHosts())
    assert (Path(tool.path) / "chart.js").read_text() == "dist/chart.js"
    assert (Path(tool.path).parent / "LICENSE").is_file()
    assert cache.find(entry) == tool


@pytest.mark.usefixtures("lock")
def test_a_jar_without_the_content_that_it_is_brought_for_is_refused(publisher: Publisher) -> None:
    entry = replace(web_jar(publisher), program="META-INF/other.js")
    with pytest.raises(Refused, match="does not hold"):
        maven.fetch(entry, lambda _: None, UnreachableHosts())
    assert cache.find(entry) is None
