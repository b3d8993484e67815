"""One manifest laid over another, by Compose's rules: mappings are merged, lists appended, all else replaced.

Null takes away, as `!reset` does; `!override` replaces what would be merged. What is taken away stays as a `Removal`,
so that those who read know that nothing is to come from elsewhere either.
"""

from __future__ import annotations

from devctl.manifest.nodes import Mapping, Node, Removal, Scalar, Sequence

REPLACED = frozenset(("command", "entrypoint", "test"))  # lists that are one value
PAIRS = frozenset(("environment", "labels", "args", "headers"))  # lists of NAME=VALUE
NAMES = frozenset(("depends_on",))  # lists of names
SINGLE = frozenset(("env_file", "profiles", "watch", "pass_env"))  # one value may stand for a list of one
DECLARED = ("volumes",)
"""Mappings whose entries need no settings: naming one again takes nothing away."""


def overlay(base: Mapping, top: Mapping, path: tuple[str, ...] = ()) -> Mapping:
    """Return `base` with `top` laid over it; neither is changed. `path` leads to both in the manifest."""
    merged = copy_of(base)
    for key, value in top.items.items():
        under = merged.items.get(key)
        merged.items[key] = _added(value, (*path, key)) if under is None else _merge((*path, key), under, value)
        merged.keys[key] = top.keys[key]
    return merged


def copy_of(mapping: Mapping) -> Mapping:
    """Return a mapping with the same entries, which can be changed."""
    copy = Mapping(mapping.file, mapping.line, mapping.column)
    copy.items = dict(mapping.items)
    copy.keys = dict(mapping.keys)
    return copy


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.is_null


def _added(value: Node, path: tuple[str, ...]) -> Node:
    """Return a value that lies on nothing: a null takes nothing away, or names an entry without settings."""
    if isinstance(value, Mapping):
        return overlay(Mapping(value.file, value.line, value.column), value, path)
    return Removal(value, is_declaration=True) if _is_null(value) and not isinstance(value, Removal) else value


def _merge(path: tuple[str, ...], under: Node, over: Node) -> Node:
    key = path[-1]
    if isinstance(over, Removal):
        return over
    if _is_null(over):
        return under if path[:-1] == DECLARED else Removal(over)
    if key in REPLACED or over.replaces or isinstance(under, Removal):
        return over
    if key in PAIRS or key in NAMES:
        under, over = (_as_mapping(node, is_names=key in NAMES) for node in (under, over))
    elif key in SINGLE:
        under, over = _as_sequence(under), _as_sequence(over)
    if isinstance(under, Mapping) and isinstance(over, Mapping):
        return overlay(under, over, path)
    if isinstance(under, Sequence) and isinstance(over, Sequence):
        joined = Sequence(over.file, over.line, over.column)
        joined.items = [*under.items, *over.items]
        return joined
    return over


def _as_mapping(node: Node, *, is_names: bool) -> Node:
    """Return the mapping that a list of names or of NAME=VALUE stands for."""
    if not isinstance(node, Sequence) or not all(isinstance(item, Scalar) for item in node.items):
        return node
    mapping = Mapping(node.file, node.line, node.column)
    for item in node.items:
        assert isinstance(item, Scalar)
        name, equals, text = (item.text, "", "") if is_names else item.text.partition("=")
        value = Scalar(item.file, item.line, item.column, text, plain=not equals)
        mapping.items[name] = Mapping(item.file, item.line, item.column) if is_names else value
        mapping.keys[name] = Scalar(item.file, item.line, item.column, name, plain=True)
    return mapping


def _as_sequence(node: Node) -> Node:
    if isinstance(node, Sequence):
        return node
    sequence = Sequence(node.file, node.line, node.column)
    sequence.items = [node]
    return sequence
