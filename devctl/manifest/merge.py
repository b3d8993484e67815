"""One manifest laid over another, by Compose's rules: mappings are merged, lists appended, all else replaced.
A key without a value changes nothing."""

from __future__ import annotations

from devctl.manifest.nodes import Mapping, Node, Scalar, Sequence

REPLACED = frozenset(("command", "entrypoint", "test"))  # lists that are one value
PAIRS = frozenset(("environment", "labels", "args", "headers"))  # lists of NAME=VALUE
NAMES = frozenset(("depends_on",))  # lists of names
SINGLE = frozenset(("env_file", "profiles", "watch", "pass_env"))  # one value may stand for a list of one


def overlay(base: Mapping, top: Mapping) -> Mapping:
    """Return `base` with `top` laid over it; neither is changed."""
    merged = _copy(base)
    for key, value in top.items.items():
        under = merged.items.get(key)
        merged.items[key] = value if under is None else _merge(key, under, value)
        merged.keys[key] = top.keys[key]
    return merged


def _copy(mapping: Mapping) -> Mapping:
    copy = Mapping(mapping.file, mapping.line, mapping.column)
    copy.items = dict(mapping.items)
    copy.keys = dict(mapping.keys)
    return copy


def _merge(key: str, under: Node, over: Node) -> Node:
    if isinstance(over, Scalar) and over.is_null:
        return under
    if key in REPLACED:
        return over
    if key in PAIRS or key in NAMES:
        under, over = _as_mapping(under), _as_mapping(over)
    elif key in SINGLE:
        under, over = _as_sequence(under), _as_sequence(over)
    if isinstance(under, Mapping) and isinstance(over, Mapping):
        return overlay(under, over)
    if isinstance(under, Sequence) and isinstance(over, Sequence):
        joined = Sequence(over.file, over.line, over.column)
        joined.items = [*under.items, *over.items]
        return joined
    return over


def _as_mapping(node: Node) -> Node:
    """Return the mapping that a list of names or of NAME=VALUE stands for."""
    if not isinstance(node, Sequence) or not all(isinstance(item, Scalar) for item in node.items):
        return node
    mapping = Mapping(node.file, node.line, node.column)
    for item in node.items:
        assert isinstance(item, Scalar)
        name, equals, text = item.text.partition("=")
        value = Scalar(item.file, item.line, item.column, text, plain=not equals)
        mapping.items[name] = value
        mapping.keys[name] = Scalar(item.file, item.line, item.column, name, plain=True)
    return mapping


def _as_sequence(node: Node) -> Node:
    if isinstance(node, Sequence):
        return node
    sequence = Sequence(node.file, node.line, node.column)
    sequence.items = [node]
    return sequence
