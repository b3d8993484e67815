"""Plain data written as YAML: texts that stood without quotes do so again."""

from __future__ import annotations

from typing import Any

from devctl.manifest.nodes import Mapping, Node, Removal, Scalar, Sequence


class Unquoted(str):
    """A text that stood without quotes, such as a number, and does so again."""

    __slots__ = ()


def plain(node: Node) -> Any:
    """Return a node as plain data whose scalars are written again as they were."""
    if isinstance(node, Mapping):
        return {key: plain(value) for key, value in node.items.items() if not isinstance(value, Removal)}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    assert isinstance(node, Scalar)
    return None if node.is_null else Unquoted(node.text) if node.plain else node.text


def dump(data: dict[str, Any]) -> str:
    """Return plain data as YAML."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes texts that had no quotes without quotes, indents lists and repeats what stands twice."""

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            super().increase_indent(flow, indentless=False)

        def ignore_aliases(self, data: Any) -> bool:
            return True

    def unquoted(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        tag = dumper.resolve(yaml.ScalarNode, str(text), (True, False))  # type: ignore[no-untyped-call]
        return yaml.ScalarNode(tag, str(text))

    Dumper.add_representer(Unquoted, unquoted)
    return yaml.dump(data, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=110)
