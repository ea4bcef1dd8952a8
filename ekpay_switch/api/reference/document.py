"""An OpenAPI 3.1 document out of operations, schemas and codes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ekpay_switch.api.reference.schemas import Components, Schema

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Code:
    """An error code: its HTTP status, 0 where it stands in an answer with 200; what it means, what to do."""

    code: str
    status: int
    meaning: str
    action: str
    retry_after_s: int | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """A call: `responses` by status, and the examples of its body by name."""

    path: str
    method: str
    operation_id: str
    summary: str
    description: str
    responses: Mapping[int, Schema]
    body: Schema | None = None
    is_body_required: bool = True
    examples: Mapping[str, object] = field(default_factory=dict)
    parameters: Sequence[Schema] = ()
    security: Sequence[Mapping[str, Sequence[str]]] = ()


def response(description: str, schema: Schema | None = None, media_type: str = JSON) -> Schema:
    """A response; without a schema its content is not described, as that of a page."""
    content = {media_type: {"schema": schema} if schema else {}} if media_type else None
    return {"description": description} | ({"content": content} if content else {})


def with_headers(answer: Schema, **headers: str) -> Schema:
    """The response with headers; their names are written with `_` for `-`."""
    described = {
        name.replace("_", "-"): {"description": text, "schema": {"type": "string"}}
        for name, text in headers.items()
    }
    return answer | {"headers": described}


def openapi(
    title: str,
    api_version: str,
    description: str,
    operations: Sequence[Operation],
    components: Components,
    *,
    codes: Sequence[Code],
    security_schemes: Mapping[str, Schema],
) -> dict[str, Any]:
    """The document; `x-codes` lists every code with what to do about it."""
    paths: dict[str, dict[str, Schema]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": api_version,
            "description": description,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.schemas.items())),
            "securitySchemes": dict(security_schemes),
        },
        "x-codes": [_code(code) for code in codes],
    }


def _operation(operation: Operation) -> Schema:
    described: Schema = {
        "operationId": operation.operation_id,
        "summary": operation.summary,
        "description": operation.description,
        "security": [dict(way) for way in operation.security],
    }
    if operation.parameters:
        described["parameters"] = list(operation.parameters)
    if operation.body is not None:
        examples = {name: {"value": value} for name, value in operation.examples.items()}
        content = {"schema": operation.body} | ({"examples": examples} if examples else {})
        described["requestBody"] = {"required": operation.is_body_required, "content": {JSON: content}}
    described["responses"] = {str(status): answer for status, answer in sorted(operation.responses.items())}
    return described


def _code(code: Code) -> Schema:
    described: Schema = {"code": code.code, "meaning": code.meaning, "action": code.action}
    if code.status:
        described["status"] = code.status
    if code.retry_after_s is not None:
        described["retry_after_s"] = code.retry_after_s
    return described
