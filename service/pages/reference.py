"""The API's own description as a page: drawn from its OpenAPI document, without foreign scripts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

Json = Mapping[str, Any]

_METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter or a member: its name, where it stands, its type in words, and what it is."""

    name: str
    where: str
    type: str
    is_required: bool
    about: str


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent or answered: a status (empty for what is sent), words, and types by medium."""

    status: str
    about: str
    media: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    anchor: str
    method: str
    path: str
    summary: str
    about: str
    parameters: tuple[Field, ...]
    sent: Body | None
    answers: tuple[Body, ...]


@dataclass(frozen=True, slots=True)
class Chapter:
    """The operations that belong together."""

    name: str
    about: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """A named JSON object and its members."""

    name: str
    about: str
    members: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """The whole description."""

    version: str
    about: tuple[str, ...]
    chapters: tuple[Chapter, ...]
    shapes: tuple[Shape, ...]


def reference_of(app: FastAPI) -> Reference:
    """Return the description of the API of *app*."""
    from service.http.describing.openapi import document  # noqa: PLC0415 -- loads every schema

    found: Json = document(app)
    operations = list(_operations(found))
    chapters = tuple(
        Chapter(
            tag["name"],
            tag.get("description", ""),
            tuple(operation for name, operation in operations if name == tag["name"]),
        )
        for tag in found.get("tags", [])
    )
    shapes = found.get("components", {}).get("schemas", {})
    return Reference(
        version=found["info"]["version"],
        about=tuple(found["info"].get("description", "").strip().split("\n\n")),
        chapters=tuple(chapter for chapter in chapters if chapter.operations),
        shapes=tuple(_shape(name, schema) for name, schema in sorted(shapes.items())),
    )


def _operations(found: Json) -> Iterator[tuple[str, Operation]]:
    for path, methods in found["paths"].items():
        for method in _METHODS:
            if method in methods:
                operation = methods[method]
                tag = (operation.get("tags") or [""])[-1]  # the narrowest stands last
                yield tag, _operation(path, method, operation)


def _operation(path: str, method: str, found: Json) -> Operation:
    sent = found.get("requestBody")
    return Operation(
        anchor=found["operationId"],
        method=method.upper(),
        path=path,
        summary=found.get("summary", ""),
        about=found.get("description", ""),
        parameters=tuple(_parameter(each) for each in found.get("parameters", [])),
        sent=None if sent is None else _body("", sent),
        answers=tuple(_body(status, each) for status, each in sorted(found["responses"].items())),
    )


def _parameter(found: Json) -> Field:
    schema = found.get("schema", {})
    return Field(
        name=found["name"],
        where=found["in"],
        type=type_of(schema),
        is_required=found.get("required", False),
        about=found.get("description", ""),
    )


def _body(status: str, found: Json) -> Body:
    media = tuple(
        (kind, type_of(each.get("schema", {}))) for kind, each in found.get("content", {}).items()
    )
    return Body(status, found.get("description", ""), media)


def _shape(name: str, schema: Json) -> Shape:
    required = set(schema.get("required", []))
    members = tuple(
        Field(member, "", type_of(found), member in required, found.get("description", ""))
        for member, found in schema.get("properties", {}).items()
    )
    return Shape(name, schema.get("description", ""), members)


def type_of(schema: Json) -> str:
    """Return the type that *schema* describes, in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(type_of(each) for each in schema[key]))
    if "enum" in schema or "const" in schema:
        return " or ".join(str(each) for each in schema.get("enum", [schema.get("const")]))
    kind = schema.get("type", "any")
    if isinstance(kind, list):
        return " or ".join(kind)
    if kind == "array":
        return f"list of {type_of(schema.get('items', {}))}"
    return str(schema.get("format", kind))
