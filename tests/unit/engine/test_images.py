"""Names of images, and what a pull that fails means."""

import pytest

from devctl.engine import images
from devctl.engine.images import explain


@pytest.mark.parametrize(
    ("image", "registry", "repository", "tag"),
    [
        ("redis", "docker.io", "redis", "latest"),
        ("redis:7", "docker.io", "redis", "7"),
        ("apache/kafka:4.1.0", "docker.io", "apache/kafka", "4.1.0"),
        ("ghcr.io/a/b:1", "ghcr.io", "ghcr.io/a/b", "1"),
        ("localhost:5000/a", "localhost:5000", "localhost:5000/a", "latest"),
        ("a@sha256:00", "docker.io", "a", "sha256:00"),
    ],
)
def test_a_name_is_taken_apart_as_docker_does(image: str, registry: str, repository: str, tag: str) -> None:
    assert (images.registry_of(image), images.repository_of(image), images.tag_of(image)) == (registry, repository, tag)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Get https://registry-1.docker.io/v2/: dial tcp: lookup: no such host", "docker.io does not answer"),
        ("manifest for redis:0 not found: manifest unknown", "gives no image redis:0"),
        ("pull access denied for redis, repository does not exist", "gives no image redis:0"),
        ("write /var/x: no space left on device", "disk is full"),
        ("something else", "cannot be pulled: something else"),
    ],
)
def test_a_pull_that_fails_is_one_sentence_with_a_remedy(text: str, message: str) -> None:
    problem = explain("redis:0", text)
    assert message in problem.what
    assert problem.next
