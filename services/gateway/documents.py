"""One OpenAPI document for the whole shop, put together from those of the services."""

from collections.abc import Mapping
from typing import Any

from services.gateway.domain import ALIASES, route

_SCHEMAS = "#/components/schemas/"


def merged(gateway: Mapping[str, Any], services: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the gateway's own document together with what it passes on, schemas named by their service."""
    paths: dict[str, Any] = dict(gateway["paths"])
    schemas: dict[str, Any] = dict(gateway.get("components", {}).get("schemas", {}))
    security: dict[str, Any] = dict(gateway.get("components", {}).get("securitySchemes", {}))
    for name, document in services.items():
        renamed = _rename(document, name)
        paths.update((path, item) for path, item in renamed["paths"].items() if _is_public(path, name))
        components = renamed.get("components", {})
        schemas.update((f"{name}.{key}", schema) for key, schema in components.get("schemas", {}).items())
        security.update(components.get("securitySchemes", {}))
    for alias, real in ALIASES.items():
        if real in paths:
            paths[alias] = _without_ids(paths[real])
    return {**gateway, "paths": paths, "components": {"schemas": schemas, "securitySchemes": security}}


def templates(services: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the paths of every service that can be reached from outside."""
    return [path for name, document in services.items() for path in document["paths"] if _is_public(path, name)]


def _is_public(path: str, service: str) -> bool:
    target = route(path)
    return target is not None and target.path == path and target.service == service


def _rename(part: Any, service: str) -> Any:
    """Point every reference at the schema's name in the common document."""
    if isinstance(part, Mapping):
        return {
            key: _reference(value, service) if key == "$ref" else _rename(value, service) for key, value in part.items()
        }
    return [_rename(item, service) for item in part] if isinstance(part, list) else part


def _reference(text: Any, service: str) -> Any:
    if isinstance(text, str) and text.startswith(_SCHEMAS):
        return f"{_SCHEMAS}{service}.{text.removeprefix(_SCHEMAS)}"
    return text


def _without_ids(item: Mapping[str, Any]) -> dict[str, Any]:
    """Copy the operations of a path without their ids, which must be unique."""
    return {method: {k: v for k, v in operation.items() if k != "operationId"} for method, operation in item.items()}
