"""Reading YAML: positions, duplicate keys, merges, and the refusal of hostile files."""

from collections.abc import Iterator

import pytest
import yaml

from devctl.manifest import document, files
from devctl.manifest.nodes import Mapping, Node, Scalar, Sequence
from devctl.manifest.problems import Problems
from tests.unit.manifest.sample import SAMPLE


def parse(text: str) -> tuple[Mapping | None, list[str]]:
    problems = Problems()
    root = document.parse(text, "stack.yaml", problems)
    return root, [str(problem) for problem in problems.mistakes]


def parsed(text: str) -> Mapping:
    root, mistakes = parse(text)
    assert mistakes == []
    assert root is not None
    return root


def plain(node: object) -> object:
    if isinstance(node, Mapping):
        return {key: plain(value) for key, value in node.items.items()}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    assert isinstance(node, Scalar)
    return node.text


def test_every_node_knows_its_line_and_column() -> None:
    node = parsed("a: 1\nb:\n  - x\n  - {c: d}\n").items["b"]
    assert isinstance(node, Sequence)
    assert [(item.line, item.column) for item in node.items] == [(3, 5), (4, 5)]


def test_a_scalar_keeps_the_text_that_is_written() -> None:
    text = "a: 010\nb: 1.10\nc: 22:22\nd: on\ne: 1e3\nf: 'x'"
    assert plain(parsed(text)) == {"a": "010", "b": "1.10", "c": "22:22", "d": "on", "e": "1e3", "f": "x"}


def test_merge_keys_give_way_to_own_keys_and_to_earlier_mappings() -> None:
    text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], x: 3}"
    assert plain(parsed(text).items["c"]) == {"x": "3", "y": "1", "z": "2"}


def test_an_anchor_may_be_used_many_times() -> None:
    assert plain(parsed("a: &a [1]\nb: [*a, *a]")) == {"a": ["1"], "b": [["1"], ["1"]]}


def test_without_the_c_parser_the_nodes_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = list(described(parsed(SAMPLE)))
    monkeypatch.delattr(yaml, "CSafeLoader")
    assert list(described(parsed(SAMPLE))) == fast


def test_without_the_c_parser_hostile_texts_are_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(yaml, "CSafeLoader")
    for text in (
        "a: " + "[" * 10_000,
        "a: " + "{a: " * 10_000,
        "a:\n " + "- " * 10_000,
        BOMB,
        "a: !!x y",
        "a: &a [*a]",
    ):
        assert len(parse(text)[1]) == 1


def test_a_byte_order_mark_is_no_mistake() -> None:
    assert files.decode("\ufeffa: b".encode(), "f", Problems()) == "a: b"


BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)
)
MERGES = (
    "x0: &x0 {"
    + ",".join(f"k{i}: 1" for i in range(90))
    + "}\n"
    + "".join(f"x{i}: &x{i} {{<<: [{','.join([f'*x{i - 1}'] * 200)}]}}\n" for i in range(1, 20))
)


def described(node: Node) -> Iterator[tuple[object, ...]]:
    """Yield every node below and its place (the parsers put what is left empty in different ones)."""
    text = node.text if isinstance(node, Scalar) else "…"
    yield type(node).__name__, node.line, node.column if text else 0, text
    children = node.items.values() if isinstance(node, Mapping) else node.items if isinstance(node, Sequence) else ()
    for child in children:
        yield from described(child)


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", "stack.yaml: is empty (devctl init writes a first stack.yaml)"),
        ("# nothing", "stack.yaml: is empty (devctl init writes a first stack.yaml)"),
        ("just words", "stack.yaml:1:1: must be a mapping with the key services"),
        ("[a]", "stack.yaml:1:1: must be a mapping with the key services"),
        ("a: 1\nb: 2\na: 3", 'stack.yaml:3:1: the key "a" stands twice: here and in line 1 (keep one of them)'),
        ("a: 1\n---\nb: 2", "stack.yaml:2:1: a second YAML document begins here; a manifest is one"),
        ("a: &a [*a]", "stack.yaml:1:8: the anchor *a contains itself"),
        ("a: &a\n  b: *a", "stack.yaml:2:6: the anchor *a contains itself"),
        ("a: *b", "stack.yaml:1:4: unknown anchor *b"),
        (
            "a: !!python/object/apply:os.system [x]",
            'stack.yaml:1:4: the tag "python/object/apply:os.system" is not read here (write the value without a tag)',
        ),
        ("a: !!binary aGk=", 'stack.yaml:1:4: the tag "binary" is not read here (write the value without a tag)'),
        ("a: !include x", 'stack.yaml:1:4: the tag "!include" is not read here (write the value without a tag)'),
        ("? [a]\n: b", 'stack.yaml:1:3: a key must be a word (inside { } a text with ${…} needs quotes: "${…}")'),
        ("a: {<<: 3}", "stack.yaml:1:9: << takes a mapping or a list of mappings (<<: *anchor)"),
        ('a: "\\0"', "stack.yaml:1:4: a NUL character in a value"),
        ("a: " + "[" * 10_000, "stack.yaml:1:67: nested deeper than 64 levels"),
        ("a: " + "{a: " * 10_000, "stack.yaml:1:256: nested deeper than 64 levels"),
        ("a:\n " + "- " * 10_000, "stack.yaml:2:128: nested deeper than 64 levels"),
        ("a: [" + "x," * 50_001 + "]", "stack.yaml:1:100003: more than 50000 values, aliases followed"),
        (BOMB, "stack.yaml:5:34: more than 50000 values, aliases followed"),
        (MERGES, "stack.yaml:3:19: more than 50000 values, aliases followed"),
    ],
)
def test_a_hostile_or_broken_text_is_refused_in_one_line(text: str, mistake: str) -> None:
    _, mistakes = parse(text)
    assert mistakes == [mistake]
    assert "\n" not in mistakes[0]


@pytest.mark.parametrize(
    ("text", "beginning"),
    [
        ("a:\n\tb: c", "stack.yaml:2:1: not valid YAML: "),
        ("a: 'x", "stack.yaml:1:6: not valid YAML: "),
        ("a: b: c", "stack.yaml:1:5: not valid YAML: "),
        ("a: {b: ${c}}", "stack.yaml:1:"),
        ("a: \x01", "stack.yaml:1:4: not valid YAML: "),
        ("a: @x", "stack.yaml:1:4: not valid YAML: "),
    ],
)
def test_a_syntax_error_is_told_with_its_place(text: str, beginning: str) -> None:
    _, mistakes = parse(text)
    assert len(mistakes) == 1
    assert mistakes[0].startswith(beginning)


@pytest.mark.parametrize(
    ("raw", "mistake"),
    [
        ("a: b".encode("utf-16"), "f: is UTF-16 (save it as UTF-8)"),
        (b"a: b\nc: \xff", "f:2:4: is not UTF-8 (save it as UTF-8)"),
        (b"a: b\nc\0: d", "f:2:2: a NUL byte: not a text file"),
    ],
)
def test_bytes_that_are_no_text_are_refused(raw: bytes, mistake: str) -> None:
    problems = Problems()
    assert files.decode(raw, "f", problems) is None
    assert [str(problem) for problem in problems.mistakes] == [mistake]
