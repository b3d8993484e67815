"""What a new OpenAPI or AsyncAPI document takes away from those who rely on the old one."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

_METHODS = ("get", "put", "post", "patch", "delete", "head", "options")
_DEEPEST = 16  # levels: schemas that refer to themselves end here
# The bounds of a value, and whether a higher number lets less through.
_BOUNDS = {
    "minimum": True,
    "exclusiveMinimum": True,
    "minLength": True,
    "minItems": True,
    "minProperties": True,
    "maximum": False,
    "exclusiveMaximum": False,
    "maxLength": False,
    "maxItems": False,
    "maxProperties": False,
}

Document = Mapping[str, Any]
Schema = Mapping[str, Any]
Compare = Callable[["Pair", str], Iterator[str]]


class Pair:
    """A schema as it was and as it is, and the documents that their references point into."""

    def __init__(self, before: Schema, after: Schema, documents: tuple[Document, Document], depth: int = 0) -> None:
        self.documents, self.depth = documents, depth
        self.before, self.after = _resolved(before, documents[0]), _resolved(after, documents[1])

    def inner(self, before: Schema, after: Schema) -> "Pair":
        """Return the pair of two parts of these schemas."""
        return Pair(before, after, self.documents, self.depth + 1)

    def kinds(self) -> "tuple[list[Schema], list[Schema]]":
        """Return what each may be, null left out."""
        return _kinds(self.before, self.documents[0]), _kinds(self.after, self.documents[1])

    def may_be_null(self) -> tuple[bool, bool]:
        """Say of each whether it may be null."""
        return _may_be_null(self.before, self.documents[0]), _may_be_null(self.after, self.documents[1])


def breaking_changes(old: Document, new: Document) -> list[str]:
    """Return one line for each change of an OpenAPI document that a client of the old one would trip over."""
    return list(_changes(old, new))


def breaking_events(old: Document, new: Document) -> list[str]:
    """Return one line for each change of an AsyncAPI document that a reader of its events would trip over."""
    return list(_event_changes(old, new))


def _changes(old: Document, new: Document) -> Iterator[str]:
    for path, item in old["paths"].items():
        for method in _METHODS:
            if method in item:
                before, after = item[method], new["paths"].get(path, {}).get(method)
                name = f"{method.upper()} {path}"
                if after is None:
                    yield f"{name} is gone"
                else:
                    yield from (f"{name}: {line}" for line in _operation(before, after, (old, new)))


def _event_changes(old: Document, new: Document) -> Iterator[str]:
    for name, channel in old["channels"].items():
        now = new["channels"].get(name, {})
        if channel["address"] != now.get("address"):
            yield f"the topic {channel['address']} is gone"
        for message in channel["messages"].keys() - now.get("messages", {}).keys():
            yield f"{message} is no longer told in {channel['address']}"
    for name, message in old["components"]["messages"].items():
        if name in new["components"]["messages"]:
            now = new["components"]["messages"][name]
            yield from _differs(message, now, "name", f"{name}: its type")
            yield from _output(Pair(message["payload"], now["payload"], (old, new)), name)


def _operation(before: Schema, after: Schema, documents: tuple[Document, Document]) -> Iterator[str]:
    yield from _differs(before, after, "operationId", "its operationId")
    if _needs_token(after) and not _needs_token(before):
        yield "it now requires a token"
    yield from _parameters(before, after, documents)
    yield from _body(before.get("requestBody", {}), after.get("requestBody", {}), documents)
    for status, answer in before["responses"].items():
        if not status.startswith("2"):
            continue
        if status not in after["responses"]:
            yield f"it no longer answers {status}"
        else:
            yield from _content(answer, after["responses"][status], documents, status, _output)


def _needs_token(operation: Schema) -> bool:
    security = operation.get("security", ())
    return bool(security) and {} not in security


def _parameters(before: Schema, after: Schema, documents: tuple[Document, Document]) -> Iterator[str]:
    before_by_name = {(parameter["in"], parameter["name"]): parameter for parameter in before.get("parameters", ())}
    for parameter in after.get("parameters", ()):
        what = f"the {parameter['in']} parameter {parameter['name']}"
        earlier = before_by_name.pop((parameter["in"], parameter["name"]), None)
        if parameter.get("required") and not (earlier or {}).get("required"):
            yield f"it now requires {what}"
        if earlier:
            yield from _input(Pair(earlier.get("schema", {}), parameter.get("schema", {}), documents), what)
    for location, name in before_by_name:
        yield f"the {location} parameter {name} is gone"


def _body(before: Schema, after: Schema, documents: tuple[Document, Document]) -> Iterator[str]:
    if after.get("required") and not before.get("required"):
        yield "it now requires a body"
    yield from _content(before, after, documents, "body", _input)


def _content(
    before: Schema, after: Schema, documents: tuple[Document, Document], where: str, compare: Compare
) -> Iterator[str]:
    now = after.get("content", {})
    for kind, part in before.get("content", {}).items():
        if kind not in now:
            yield f"{where} is no longer {kind}"
        else:
            yield from compare(Pair(part.get("schema", {}), now[kind].get("schema", {}), documents), where)


def _input(pair: Pair, where: str) -> Iterator[str]:
    """Compare what goes in: it may become less strict, never stricter."""
    before, after = pair.kinds()
    was_nullable, is_nullable = pair.may_be_null()
    if was_nullable and not is_nullable:
        yield f"{where} may no longer be null"
    for was in before:
        yield from _best([list(_input_kind(pair.inner(was, now), where)) for now in after])


def _output(pair: Pair, where: str) -> Iterator[str]:
    """Compare what comes out: it may grow, never shrink, and takes no value that its readers do not know."""
    before, after = pair.kinds()
    was_nullable, is_nullable = pair.may_be_null()
    if is_nullable and not was_nullable:
        yield f"{where} may now be null"
    for now in after:
        yield from _best([list(_output_kind(pair.inner(was, now), where)) for was in before])


def _best(complaints: list[list[str]]) -> list[str]:
    """Return what is wrong with the kind that fits best; nothing if one fits."""
    return min(complaints, key=len, default=[])


def _input_kind(pair: Pair, where: str) -> Iterator[str]:
    if pair.depth > _DEEPEST:
        return
    yield from _same_type(pair.before, pair.after, where)
    for choice in _choices_lost(pair.before, pair.after):
        yield f"{where} no longer accepts {choice}"
    yield from _stricter(pair.before, pair.after, where)
    for name in set(pair.after.get("required", ())) - set(pair.before.get("required", ())):
        yield f"{where}.{name} is now required"
    earlier, now = pair.before.get("properties", {}), pair.after.get("properties", {})
    for name, schema in earlier.items():
        if name in now:
            yield from _input(pair.inner(schema, now[name]), f"{where}.{name}")
        elif pair.after.get("additionalProperties") is False:
            yield f"{where}.{name} is no longer accepted"
    yield from _elements(pair, where, _input)


def _output_kind(pair: Pair, where: str) -> Iterator[str]:
    if pair.depth > _DEEPEST:
        return
    yield from _same_type(pair.before, pair.after, where)
    for choice in _choices_lost(pair.after, pair.before):
        yield f"{where} may now be {choice}"
    now = pair.after.get("properties", {})
    for name, schema in pair.before.get("properties", {}).items():
        if name not in now:
            yield f"{where}.{name} is gone"
            continue
        if name in pair.before.get("required", ()) and name not in pair.after.get("required", ()):
            yield f"{where}.{name} may now be missing"
        yield from _output(pair.inner(schema, now[name]), f"{where}.{name}")
    yield from _elements(pair, where, _output)


def _elements(pair: Pair, where: str, compare: Compare) -> Iterator[str]:
    """Compare the items of a list, and the values of a map with free keys."""
    for key, mark in (("items", "[]"), ("additionalProperties", "{}")):
        before, after = pair.before.get(key), pair.after.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from compare(pair.inner(before, after), where + mark)


def _same_type(before: Schema, after: Schema, where: str) -> Iterator[str]:
    if before.get("type") and after.get("type"):
        yield from _differs(before, after, "type", where)


def _differs(before: Schema, after: Schema, key: str, where: str) -> Iterator[str]:
    if before.get(key) != after.get(key):
        yield f"{where} was {before.get(key)} and is now {after.get(key)}"


def _choices_lost(wide: Schema, narrow: Schema) -> list[str]:
    """Return what the one allows and the other does not; "anything" where only the other has a list of choices."""
    had, has = _choices(wide), _choices(narrow)
    if has is None:
        return []
    return ["anything"] if had is None else [str(choice) for choice in had if choice not in has]


def _choices(schema: Schema) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    choices: list[Any] | None = schema.get("enum")
    return choices


def _stricter(before: Schema, after: Schema, where: str) -> Iterator[str]:
    for bound, is_lower in _BOUNDS.items():
        was, now = before.get(bound), after.get(bound)
        if now is not None and (was is None or (now > was if is_lower else now < was)):
            yield f"{where} has {bound} {now} now"
    for key in ("pattern", "format"):
        if after.get(key) not in (None, before.get(key)):
            yield f"{where} has another {key} now"
    if after.get("uniqueItems") and not before.get("uniqueItems"):
        yield f"{where} may no longer hold a thing twice"
    if after.get("additionalProperties") is False and before.get("additionalProperties") is not False:
        yield f"{where} no longer takes fields that it does not know"


def _kinds(schema: Schema, document: Document) -> list[Schema]:
    parts = [_resolved(part, document) for part in schema.get("anyOf", schema.get("oneOf", [schema]))]
    return [part for part in parts if part.get("type") != "null"]


def _may_be_null(schema: Schema, document: Document) -> bool:
    parts = [_resolved(part, document) for part in schema.get("anyOf", schema.get("oneOf", []))]
    return any(part.get("type") == "null" for part in parts)


def _resolved(schema: Schema, document: Document) -> Schema:
    """Follow a reference to the schema that it names."""
    for _ in range(_DEEPEST):
        reference = schema.get("$ref")
        if reference is None:
            return schema
        target: Any = document
        for key in reference.removeprefix("#/").split("/"):
            target = target[key]
        schema = target
    return schema
