"""What FastAPI's OpenAPI document lacks, for readers and for generators of clients.

Errors are documented as they are sent, problem documents all of them; the ways to show a token are named; every
field has a description; and a default is only there where a generator can write it down (no object of a union).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

from seedcast.shared.access import OPEN
from seedcast.shared.errors import (
    Forbidden,
    InvalidInput,
    MisdirectedRequest,
    NotFound,
    PayloadTooLarge,
    SeedcastError,
    StorageFailed,
    Unauthorised,
    UnsupportedMediaType,
)
from seedcast.shared.guard import SAFE_METHODS
from seedcast.shared.packed import Once, Packed
from seedcast.shared.problems import MEDIA_TYPE, Problem

Document = dict[str, Any]
REFERENCE = "#/components/schemas/{model}"
SECURITY: Document = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A token of the server's, where it has any."},
    "basic": {"type": "http", "scheme": "basic", "description": "Any name, and a token as the password."},
}
OPTIONAL_SECURITY: list[Document] = [{}, {"bearer": []}, {"basic": []}]
"""Without a token, too: whether one is asked for is a setting."""

EVERYWHERE: tuple[type[SeedcastError], ...] = (MisdirectedRequest, SeedcastError)
GUARDED: tuple[type[SeedcastError], ...] = (Unauthorised,)
CHANGING: tuple[type[SeedcastError], ...] = (Forbidden, UnsupportedMediaType, StorageFailed)
WITH_BODY: tuple[type[SeedcastError], ...] = (PayloadTooLarge, InvalidInput)


def operation_id(route: APIRoute) -> str:
    """Name an operation as its function: no path and no version in it."""
    return route.name


def complete(app: FastAPI) -> Once:
    """Have ``app`` answer /openapi.json with the whole document, which is returned, too.

    It takes half a second of a core to make: see that it is there before somebody asks.
    """
    generate = app.openapi

    @cache
    def openapi() -> Document:
        return _completed(generate())

    def write() -> Packed:
        text = json.dumps(app.openapi(), ensure_ascii=False, separators=(",", ":"))
        return Packed.of(text.encode(), "application/json")

    written = Once(write)

    async def document(request: Request) -> Response:
        return (await written.get()).answer(request.headers)

    app.openapi = openapi  # type: ignore[method-assign]
    path = str(app.openapi_url)
    app.router.routes[:] = [route for route in app.router.routes if getattr(route, "path", None) != path]
    app.add_route(path, document, include_in_schema=False)
    return written


def _completed(document: Document) -> Document:
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schema = TypeAdapter(Problem).json_schema(ref_template=REFERENCE)
    schemas.update(schema.pop("$defs", {}))
    schemas[Problem.__name__] = schema
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for path, method, operation in _operations(document):
        _document_errors(path, method, operation)
        operation.setdefault("security", [] if path in OPEN else OPTIONAL_SECURITY)
    for name, schema in schemas.items():
        schema["title"] = name
        for field in schema.get("properties", {}).values():
            _describe(field, schemas)
    components["securitySchemes"] = SECURITY
    return document


def _operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method.upper(), operation


def _document_errors(path: str, method: str, operation: Document) -> None:
    responses: Document = operation.setdefault("responses", {})
    errors = list(EVERYWHERE)
    if path not in OPEN:
        errors += GUARDED
        errors.append(InvalidInput)  # of a parameter that there is not
    if method not in SAFE_METHODS:
        errors += CHANGING
    if "requestBody" in operation:
        errors += WITH_BODY
    if "{" in path:
        errors.append(NotFound)
    for error in errors:
        responses.setdefault(str(error.status), {"description": error.title})
    if "requestBody" in operation:
        responses.setdefault("400", {"description": "The body is no JSON."})
    for status, response in responses.items():
        if status >= "400":
            response["content"] = {MEDIA_TYPE: {"schema": {"$ref": REFERENCE.format(model=Problem.__name__)}}}
    operation["responses"] = dict(sorted(responses.items()))


def _describe(field: Document, schemas: Document) -> None:
    """Give a field a description, if only that of its type; turn an object's default into words."""
    default = field.get("default")
    if isinstance(default, dict) and (default or "anyOf" in field or "oneOf" in field):
        del field["default"]
        field["description"] = f"{field.get('description', '')} Default: {_written(default)}.".strip()
    if "description" not in field:
        if "const" in field:
            field["description"] = f"Always {field['const']!r}: it says which of several this is."
        elif described := _of_reference(field, schemas):
            field["description"] = described


def _written(default: Document) -> str:
    return ", ".join(f"{key} {value}" for key, value in default.items()) or "empty"


def _of_reference(field: Document, schemas: Document) -> str | None:
    for part in (field, field.get("items", {}), *field.get("anyOf", []), *field.get("oneOf", [])):
        target = part.get("$ref", "").rpartition("/")[2]
        if described := schemas.get(target, {}).get("description"):
            return str(described).partition("\n")[0]
    return None
