"""An OpenAPI document of ours as the lines of a page."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

Schema = Mapping[str, Any]
_DEPTH_MAX = 6
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Member:
    """A member or a parameter; `name` is its whole path, such as `bill.amount` or `tokens[].seq`."""

    name: str
    kind: str
    is_required: bool
    description: Markup


@dataclass(frozen=True, slots=True)
class Answer:
    """What may be answered with one status; of the members, those of a success alone."""

    status: str
    lines: tuple[Markup, ...]
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """One call with everything that is sent and answered; `curl` is a command that sends the example."""

    anchor: str
    method: str
    path: str
    summary: str
    description: Markup
    parameters: tuple[Member, ...]
    members: tuple[Member, ...]
    curl: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class CodeLine:
    """An error code and what to do about it; `status` is empty where it stands in an answer with 200."""

    code: str
    status: str
    meaning: Markup
    action: Markup


@dataclass(frozen=True, slots=True)
class ReferencePage:
    """A whole document."""

    title: str
    description: Markup
    calls: tuple[Call, ...]
    codes: tuple[CodeLine, ...]


def reference_page(document: Schema) -> ReferencePage:
    """The lines of a document."""
    schemas = document["components"]["schemas"]
    return ReferencePage(
        title=document["info"]["title"],
        description=with_code(document["info"]["description"]),
        calls=tuple(
            _call(path, method, call, schemas)
            for path, acts in document["paths"].items()
            for method, call in acts.items()
        ),
        codes=tuple(
            CodeLine(
                line["code"],
                str(line.get("status", "")),
                with_code(line["meaning"]),
                with_code(line["action"]),
            )
            for line in document["x-codes"]
        ),
    )


def with_code(text: str) -> Markup:
    """The text escaped, with what stands between backticks as code."""
    plain, *rest = text.split("`")
    pieces = [escape(plain)]
    for number, piece in enumerate(rest):
        pieces.append(Markup("<code>{}</code>").format(piece) if number % 2 == 0 else escape(piece))
    return Markup("").join(pieces)


def _call(path: str, method: str, call: Schema, schemas: Schema) -> Call:
    content = call.get("requestBody", {}).get("content", {}).get(_JSON, {})
    return Call(
        anchor=call["operationId"],
        method=method.upper(),
        path=path,
        summary=call["summary"],
        description=with_code(call["description"]),
        parameters=tuple(
            Member(line["name"], line["in"], line["required"], with_code(line["description"]))
            for line in call.get("parameters", ())
        ),
        members=tuple(_members(content.get("schema", {}), schemas)),
        curl=_curl(path, method.upper(), call, content),
        answers=tuple(_answer(status, answer, schemas) for status, answer in call["responses"].items()),
    )


def _curl(path: str, method: str, call: Schema, content: Schema) -> str:
    """A command that sends the first example, as a shell takes it; what is yours is in capitals."""
    for parameter in call.get("parameters", ()):
        path = path.replace(f"{{{parameter['name']}}}", str(parameter.get("example", "")))
    lines = [f'curl --request {method} "$SWITCH{path}"']
    if call["security"]:
        lines.append('--header "Authorization: Bearer $KEY"')
    lines += [
        f"--header '{parameter['name']}: {parameter['example']}'"
        for parameter in call.get("parameters", ())
        if parameter["in"] == "header"
    ]
    for example in content.get("examples", {}).values():
        body = json.dumps(example["value"], ensure_ascii=False)
        lines += [f"--header 'Content-Type: {_JSON}'", f"--data '{body}'"]
    return " \\\n  ".join(lines)


def _answer(status: str, answer: Schema, schemas: Schema) -> Answer:
    lines = [line.removeprefix("- ") for line in answer["description"].split("\n")]
    schema = answer.get("content", {}).get(_JSON, {}).get("schema", {})
    members = tuple(_members(schema, schemas)) if status.startswith("2") else ()
    return Answer(status, tuple(with_code(line) for line in lines), members)


def _members(schema: Schema, schemas: Schema, before: str = "", depth: int = 0) -> Iterator[Member]:
    """Every member of a schema and of those within it."""
    whole = _resolved(schema, schemas)
    required = whole.get("required", ())
    for name, part in whole.get("properties", {}).items():
        inner = _resolved(part, schemas)
        description = str(part.get("description") or inner.get("description") or "")
        where = f"{before}{name}"
        yield Member(where, _kind(inner), name in required, with_code(description))
        items = inner.get("items")
        nested, place = (items, f"{where}[].") if items else (inner, f"{where}.")
        if depth < _DEPTH_MAX:
            yield from _members(nested, schemas, place, depth + 1)


def _resolved(schema: Schema, schemas: Schema) -> Schema:
    """The schema that a reference leads to, whole where it is made of several; null is passed over."""
    if "$ref" in schema:
        return _resolved(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "allOf" in schema:
        return _resolved(schema["allOf"][0], schemas)
    choices = [choice for choice in schema.get("anyOf", ()) if choice.get("type") != "null"]
    if choices:
        inner = _resolved(choices[0], schemas)
        return {**inner, "is_nullable": len(choices) < len(schema["anyOf"])}
    return schema


def _kind(schema: Schema) -> str:
    """The type in words, with its limits where they are short."""
    kinds = schema.get("type", "text")
    words = " or ".join(kinds) if isinstance(kinds, list) else str(kinds)
    if "const" in schema:
        words = f'"{schema["const"]}"'
    if "enum" in schema:
        words = ", ".join(map(str, schema["enum"]))
    if "maxLength" in schema:
        words += f", at most {schema['maxLength']} characters"
    if schema.get("is_nullable"):
        words += ", or null"
    return words.replace("string", "text")
