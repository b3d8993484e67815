"""What a new OpenAPI document takes away from the clients of the old one."""

from collections.abc import Iterator, Mapping
from typing import Any

_METHODS = ("get", "put", "post", "patch", "delete", "head", "options")
_DEEPEST = 8

Document = Mapping[str, Any]
Schema = Mapping[str, Any]


def breaking_changes(old: Document, new: Document) -> list[str]:
    """Return one line for each change that a client of the old document would trip over."""
    return list(_changes(old, new))


def _changes(old: Document, new: Document) -> Iterator[str]:
    for path, item in old["paths"].items():
        for method in _METHODS:
            if method in item:
                before, after = item[method], new["paths"].get(path, {}).get(method)
                name = f"{method.upper()} {path}"
                if after is None:
                    yield f"{name} is gone"
                else:
                    yield from (f"{name}: {line}" for line in _operation(before, after, old, new))


def _operation(before: Schema, after: Schema, old: Document, new: Document) -> Iterator[str]:
    yield from _parameters(before, after)
    yield from _input(_body(before, old), _body(after, new), old, new, "body", 0)
    for status, answer in before["responses"].items():
        if not status.startswith("2"):
            continue
        if status not in after["responses"]:
            yield f"it no longer answers {status}"
        else:
            now = after["responses"][status]
            yield from _output(_content(answer, old), _content(now, new), old, new, status, 0)


def _parameters(before: Schema, after: Schema) -> Iterator[str]:
    known = {(one["in"], one["name"]): one for one in before.get("parameters", ())}
    for one in after.get("parameters", ()):
        earlier = known.pop((one["in"], one["name"]), None)
        if one.get("required") and not (earlier or {}).get("required"):
            yield f"it now requires the {one['in']} parameter {one['name']}"
    for place, name in known:
        yield f"the {place} parameter {name} is gone"


def _input(before: Schema, after: Schema, old: Document, new: Document, where: str, depth: int) -> Iterator[str]:
    """What goes in may be asked for less strictly, never more so."""
    if depth > _DEEPEST or not after:
        return
    if not before:
        if after:
            yield f"it now takes a {where}"
        return
    yield from _same_type(before, after, where)
    yield from _fewer_choices(before, after, where)
    for name in set(after.get("required", ())) - set(before.get("required", ())):
        yield f"{where}.{name} is now required"
    earlier, now = before.get("properties", {}), after.get("properties", {})
    for name, schema in earlier.items():
        if name in now:
            yield from _input(_resolved(schema, old), _resolved(now[name], new), old, new, f"{where}.{name}", depth + 1)
        elif after.get("additionalProperties") is False:
            yield f"{where}.{name} is no longer accepted"
    if "items" in before and "items" in after:
        pair = _resolved(before["items"], old), _resolved(after["items"], new)
        yield from _input(*pair, old, new, f"{where}[]", depth + 1)


def _output(before: Schema, after: Schema, old: Document, new: Document, where: str, depth: int) -> Iterator[str]:
    """What comes out may grow, never shrink."""
    if depth > _DEEPEST or not before:
        return
    yield from _same_type(before, after, where)
    now = after.get("properties", {})
    for name, schema in before.get("properties", {}).items():
        if name not in now:
            yield f"{where}.{name} is gone from the answer"
            continue
        if name in before.get("required", ()) and name not in after.get("required", ()):
            yield f"{where}.{name} may now be missing from the answer"
        yield from _output(_resolved(schema, old), _resolved(now[name], new), old, new, f"{where}.{name}", depth + 1)
    if "items" in before and "items" in after:
        pair = _resolved(before["items"], old), _resolved(after["items"], new)
        yield from _output(*pair, old, new, f"{where}[]", depth + 1)


def _same_type(before: Schema, after: Schema, where: str) -> Iterator[str]:
    earlier, now = before.get("type"), after.get("type")
    if earlier and now and earlier != now:
        yield f"{where} was {earlier} and is now {now}"


def _fewer_choices(before: Schema, after: Schema, where: str) -> Iterator[str]:
    if "enum" in before and "enum" in after:
        gone = [choice for choice in before["enum"] if choice not in after["enum"]]
        if gone:
            yield f"{where} no longer accepts {', '.join(map(str, gone))}"


def _body(operation: Schema, document: Document) -> Schema:
    return _content(operation.get("requestBody", {}), document)


def _content(part: Schema, document: Document) -> Schema:
    content = part.get("content", {})
    return _resolved(content.get("application/json", {}).get("schema", {}), document)


def _resolved(schema: Schema, document: Document) -> Schema:
    """Follow a reference to the schema that it names."""
    for _ in range(_DEEPEST):
        reference = schema.get("$ref")
        if reference is None:
            return schema
        found: Any = document
        for key in reference.removeprefix("#/").split("/"):
            found = found[key]
        schema = found
    return schema
