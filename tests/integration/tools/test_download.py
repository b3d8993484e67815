"""Downloads from a publisher that misbehaves: nothing but the pinned file is ever left behind."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from devctl.tools import download
from devctl.tools.base import Refused, SourceFailed, UnreachableHosts
from tests.integration.tools.publisher import Publisher, publishing

CONTENT = bytes(range(256)) * 4000


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with publishing() as server:
        yield server


def fetch(url: str, checksum: str, folder: Path, unreachable: UnreachableHosts | None = None) -> Path:
    with download.client() as session:
        return download.download(session, url, checksum, folder, lambda *_: None, unreachable or UnreachableHosts())


def test_a_transfer_cut_at_99_percent_is_resumed_where_it_broke_off(publisher: Publisher, tmp_path: Path) -> None:
    url, checksum = publisher.put("/a.tar.gz", CONTENT)
    publisher.cuts = 2
    assert fetch(url, checksum, tmp_path).read_bytes() == CONTENT
    ranges = [span for _, span in publisher.requests]
    assert ranges[0] == ""
    assert ranges[1] == f"bytes={int(len(CONTENT) * 0.99)}-"
    assert len(ranges) == 3


def test_a_link_that_breaks_all_the_time_gets_there_as_long_as_it_gets_further(
    publisher: Publisher, tmp_path: Path
) -> None:
    url, checksum = publisher.put("/a", CONTENT)
    publisher.cuts, publisher.cut_at = download.TRIES + 3, 0.3
    assert fetch(url, checksum, tmp_path).read_bytes() == CONTENT


def test_a_server_that_never_gets_further_is_given_up(publisher: Publisher, tmp_path: Path) -> None:
    url, checksum = publisher.put("/a", CONTENT)
    publisher.statuses = [503] * (download.TRIES + 1)
    with pytest.raises(SourceFailed, match="broke off again and again"):
        fetch(url, checksum, tmp_path)


def test_a_publisher_without_ranges_is_asked_for_the_whole_again(publisher: Publisher, tmp_path: Path) -> None:
    url, checksum = publisher.put("/a", CONTENT)
    publisher.cuts, publisher.ranges = 1, False
    assert fetch(url, checksum, tmp_path).read_bytes() == CONTENT


def test_what_another_process_left_half_done_is_continued(publisher: Publisher, tmp_path: Path) -> None:
    url, checksum = publisher.put("/a", CONTENT)
    (tmp_path / f"{checksum}.part").write_bytes(CONTENT[:1000])
    assert fetch(url, checksum, tmp_path).read_bytes() == CONTENT
    assert publisher.requests == [("/a", "bytes=1000-")]


@pytest.mark.parametrize("left", [b"not the same file", CONTENT + b"too long"])
def test_a_wrong_half_is_thrown_away_and_brought_anew(publisher: Publisher, tmp_path: Path, left: bytes) -> None:
    url, checksum = publisher.put("/a", CONTENT)
    (tmp_path / f"{checksum}.part").write_bytes(left)
    assert fetch(url, checksum, tmp_path).read_bytes() == CONTENT


def test_a_file_with_another_checksum_is_refused_and_deleted(publisher: Publisher, tmp_path: Path) -> None:
    url, _ = publisher.put("/a", CONTENT)
    with pytest.raises(Refused, match="is not the pinned file"):
        fetch(url, "0" * 64, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_tired_server_is_asked_again(publisher: Publisher, tmp_path: Path) -> None:
    url, checksum = publisher.put("/a", CONTENT)
    publisher.statuses = [503, 500]
    assert fetch(url, checksum, tmp_path).read_bytes() == CONTENT


def test_a_missing_file_ends_the_source_at_once(publisher: Publisher, tmp_path: Path) -> None:
    with pytest.raises(SourceFailed, match="HTTP 404"):
        fetch(publisher.url("/a"), "0" * 64, tmp_path)
    assert len(publisher.requests) == 1


@pytest.mark.parametrize("target", ["http://example.invalid/a", "ftp://127.0.0.1/a", "file:///etc/passwd"])
def test_a_redirect_away_from_https_is_refused(publisher: Publisher, tmp_path: Path, target: str) -> None:
    publisher.redirects["/a"] = target
    with pytest.raises(Refused, match="not https"):
        fetch(publisher.url("/a"), "0" * 64, tmp_path)


def test_a_ring_of_redirects_ends(publisher: Publisher, tmp_path: Path) -> None:
    publisher.redirects["/a"] = "/a"
    with pytest.raises(SourceFailed, match="redirects more than"):
        fetch(publisher.url("/a"), "0" * 64, tmp_path)


def test_plain_http_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="is not https"):
        fetch("http://example.invalid/a", "0" * 64, tmp_path)


def test_a_host_that_does_not_answer_is_given_up_soon_and_never_asked_again(
    publisher: Publisher, tmp_path: Path
) -> None:
    url, checksum = publisher.put("/a", CONTENT)
    publisher.silent = True
    unreachable = UnreachableHosts()
    started = time.monotonic()
    with pytest.raises(SourceFailed, match="does not answer"):
        fetch(url, checksum, tmp_path, unreachable)
    assert time.monotonic() - started < 10  # an upper bound against hanging, not a figure
    with pytest.raises(SourceFailed, match="did not answer before in this run"):
        fetch(url, checksum, tmp_path, unreachable)
    assert len(publisher.requests) == 1


def test_the_count_ends_with_the_size(publisher: Publisher, tmp_path: Path) -> None:
    url, checksum = publisher.put("/a", CONTENT)
    counts: list[tuple[int, int]] = []
    with download.client() as session:
        download.download(session, url, checksum, tmp_path, lambda *count: counts.append(count), UnreachableHosts())
    assert counts[-1] == (len(CONTENT), len(CONTENT))
    assert counts == sorted(counts)
