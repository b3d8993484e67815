"""Whatever stands in the file, the answer is a Spec or a list of mistakes: never a traceback, never a hang."""

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from devctl.core.spec import Spec, from_json, to_json
from devctl.manifest.interpolate import interpolate
from devctl.manifest.load import Loaded
from devctl.manifest.problems import ManifestError
from tests.unit.manifest.loading import load_text
from tests.unit.manifest.sample import SAMPLE
from tests.unit.manifest.test_interpolate import FakeValues

Answer = Callable[[str | bytes], Loaded | ManifestError]


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> Answer:
    """Load a text; return what came of it, and check the form of its mistakes."""
    folder = tmp_path_factory.mktemp("stack")

    def load(text: str | bytes) -> Loaded | ManifestError:
        try:
            return load_text(folder, text)
        except ManifestError as error:
            return _checked(error)

    return load


def _checked(error: ManifestError) -> ManifestError:
    assert error.problems
    assert all("\n" not in str(problem) for problem in error.problems)
    return error


def test_the_sample_itself_is_right(answer: Answer) -> None:
    loaded = answer(SAMPLE)
    assert isinstance(loaded, Loaded), str(loaded)


def test_the_sample_cut_at_any_byte_is_answered(answer: Answer) -> None:
    raw = SAMPLE.encode()
    for end in range(0, len(raw), 1 if len(raw) < 2500 else 2):
        answer(raw[:end])


def test_the_sample_without_any_one_of_its_lines_is_answered(answer: Answer) -> None:
    lines = SAMPLE.splitlines(keepends=True)
    for index in range(len(lines)):
        answer("".join(lines[:index] + lines[index + 1 :]))


WORDS = [
    "{", "}", "[", "]", ":", ": ", ",", "- ", "\n", "\n  ", "\t", "'", '"', "|", ">", "&a ", "*a", "*env", "<<: *env",
    "!!str ", "!!python/object:os.system ", "#", "? ", "\n---\n", "...\n", "%YAML 1.1\n", "${", "$", "$$", "${A:?b}",
    "${services.catalog.http}", "${services.x.y}", "${volumes.data}", "null", "~", "true", "yes", "010", "1e999",
    "9" * 30, "auto", "-1", "..", "/etc", "\0", "\x1b", "\ufeff", "\u2028", "é", "\U0001f600", "\ud7ff", "services:",
    "hub", "x-y: ",
]  # fmt: skip
PIECES = st.sampled_from(WORDS)


@st.composite
def broken(draw: st.DrawFn) -> str:
    text = SAMPLE
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.sampled_from([0, 0, 1, 3, 20])))
        text = text[:start] + draw(PIECES | st.text(max_size=3)) + text[end:]
    return text


@settings(max_examples=150)
@given(broken())
def test_a_sample_with_anything_put_in_is_answered(answer: Answer, text: str) -> None:
    answer(text.encode("utf-8", "surrogatepass"))


@settings(max_examples=100)
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_answered(answer: Answer, raw: bytes) -> None:
    answer(raw)


NAMES_OF_KEYS = [
    "name", "services", "volumes", "telemetry", "exporters", "journeys", "command", "uses", "with", "environment", "a",
    "ports", "depends_on", "healthcheck", "restart", "deploy", "profiles", "watch", "build", "env_file", "http", "test",
    "replicas", "b", "hub", "x-z", "topics", "otlp", "restart_policy", "headers", "path", "<<",
]  # fmt: skip
KEYS = st.sampled_from(NAMES_OF_KEYS)
TEXTS = [
    "a", "b", "auto", "1s", "64m", "${services.a.http}", "${A:-b}", "${A", "/h", "../x", "broker", "service_healthy",
]  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(TEXTS) | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=25
)


@settings(max_examples=150)
@given(
    st.dictionaries(KEYS, VALUES, max_size=5),
    st.dictionaries(KEYS, st.dictionaries(KEYS, VALUES, max_size=6), max_size=4),
)
def test_any_structure_of_known_words_is_answered(
    answer: Answer, top: dict[str, Any], services: dict[str, Any]
) -> None:
    answer(yaml.safe_dump({**top, "services": services}, sort_keys=False))


NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,12}", fullmatch=True).filter(lambda name: name != "hub")
VARIABLES = st.from_regex("[A-Z_]{1,5}", fullmatch=True)
DURATIONS = st.integers(0, 10_000).map(lambda n: f"{n}ms")
CHECKS = (
    st.fixed_dictionaries({"http": st.just("/h")}, optional={"interval": DURATIONS, "retries": st.integers(1, 9)})
    | st.fixed_dictionaries({"tcp": st.just("http")})
    | st.fixed_dictionaries({"test": st.just("true") | st.just(["CMD", "true"])})
    | st.fixed_dictionaries({"log": st.just("ready")})
)
SERVICES = st.fixed_dictionaries(
    {"command": st.just("run it") | st.just(["run", "it"]), "ports": st.just({"http": "auto"})},
    optional={
        "environment": st.dictionaries(
            st.from_regex("[A-Z_]{1,5}", fullmatch=True), st.text("ab: {}[]#'\"\n", max_size=9)
        ),
        "healthcheck": CHECKS,
        "restart": st.sampled_from(["no", "always", "on-failure", "unless-stopped"]),
        "optional": st.booleans(),
        "deploy": st.fixed_dictionaries({"replicas": st.integers(0, 5)}),
        "stop_grace_period": DURATIONS,
        "x-note": st.just({"any": ["thing"]}),
    },
)


@st.composite
def right(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(NAMES, min_size=1, max_size=6, unique=True))
    services: dict[str, Any] = {}
    for index, name in enumerate(names):
        services[name] = draw(SERVICES)
        services[name]["depends_on"] = draw(st.lists(st.sampled_from(names[:index]), unique=True)) if index else []
    return {"telemetry": draw(st.sampled_from(["on", "off"])), "services": services}


@settings(max_examples=80)
@given(right())
def test_every_right_manifest_is_loaded_and_its_spec_survives_json(answer: Answer, manifest: dict[str, Any]) -> None:
    loaded = answer(yaml.safe_dump(manifest, sort_keys=False))
    assert isinstance(loaded, Loaded), str(loaded)
    assert from_json(Spec, to_json(loaded.spec)) == loaded.spec
    assert set(loaded.spec.active) - {"hub"} == set(manifest["services"])
    for name, service in manifest["services"].items():
        environment = loaded.spec.services[name].variants[0].environment
        assert environment == service.get("environment", {})


@settings(max_examples=150)
@given(st.lists(st.sampled_from([*WORDS, "A", "U", ":-", "-", "}", ":+", ":?", "?"]), max_size=12).map("".join))
def test_any_text_is_replaced_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        interpolate(text, FakeValues())
