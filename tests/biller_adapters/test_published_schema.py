"""The published JSON Schema is the one that the models make, and our own manifests keep to it."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from biller_adapters.manifest import read_manifest
from biller_adapters.published_schema import DIALECT, schema_text
from tests.biller_adapters.conftest import CONFIG

PAGE = CONFIG.parent / "docs" / "schemas" / "biller-manifest.json"
SCHEMA: Mapping[str, Any] = json.loads(PAGE.read_text(encoding="utf-8"))
PATHS = sorted((CONFIG / "billers").glob("*.toml"))
# The schema's words that `faults` understands; `format` and the like only inform.
UNDERSTOOD = {
    "$ref", "type", "properties", "required", "additionalProperties", "patternProperties", "items", "anyOf",
    "enum", "const", "pattern", "minLength", "minItems", "minimum", "maximum", "exclusiveMinimum",
    "title", "description", "default", "format",
}  # fmt: skip
TYPES: Mapping[str, type | tuple[type, ...]] = {
    "object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float),
    "null": type(None),
}  # fmt: skip


def faults(schema: Mapping[str, Any], value: object, where: str) -> Iterator[str]:
    """Where a value breaks the schema, by as much of JSON Schema as ours uses."""
    if "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    assert schema.keys() <= UNDERSTOOD, schema.keys() - UNDERSTOOD
    if "anyOf" in schema and all(list(faults(one, value, where)) for one in schema["anyOf"]):
        yield f"{where}: fits none of several"
    elif not is_of(schema.get("type"), value):
        yield f"{where}: {value!r} is no {schema.get('type')}"
    elif isinstance(value, dict):
        yield from object_faults(schema, value, where)
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from faults(schema.get("items", {}), item, f"{where}[{place}]")
    elif not is_among(schema, value):
        yield f"{where}: {value!r}"


def is_of(name: str | None, value: object) -> bool:
    if isinstance(value, bool):
        return name in {"boolean", None}
    return name is None or isinstance(value, TYPES[name])


def is_among(schema: Mapping[str, Any], value: object) -> bool:
    among = schema.get("enum", [schema.get("const", value)])
    return value in among and re.search(schema.get("pattern", ""), str(value)) is not None


def object_faults(schema: Mapping[str, Any], value: Mapping[str, object], where: str) -> Iterator[str]:
    for name in schema.get("required", []):
        if name not in value:
            yield f"{where}: {name} is missing"
    for name, member in value.items():
        rule = rule_for(schema, name)
        if rule is False:
            yield f"{where}: {name} is unknown"
        elif rule is not True:
            yield from faults(rule, member, f"{where}.{name}")


def rule_for(schema: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401 - a schema, or whether anything goes
    """What goes for a member of this name."""
    by_pattern = schema.get("patternProperties", {}).items()
    fitting = [rule for pattern, rule in by_pattern if re.search(pattern, name)]
    others = schema.get("additionalProperties", "patternProperties" not in schema)
    return schema.get("properties", {}).get(name) or next(iter(fitting), others)


def tables(path: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(
        json.dumps(tomllib.loads(path.read_text(encoding="utf-8")), default=str)
    )
    return read


def found(manifest: Mapping[str, Any]) -> list[str]:
    schema = {name: rule for name, rule in SCHEMA.items() if not name.startswith("$")}
    return list(faults(schema, manifest, "manifest"))


def test_the_published_schema_is_what_the_models_make() -> None:
    assert PAGE.read_text(encoding="utf-8") == schema_text(), "run: make schemas"
    assert SCHEMA["$schema"] == DIALECT


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_every_manifest_keeps_to_the_models_and_to_the_published_schema(path: Path) -> None:
    assert read_manifest(path).id == path.stem
    assert found(tables(path)) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ekpay_id", "x1"),
        ("takes_bill_once", "yes"),
        ("quote_life_seconds", "7200"),
        ("bucket", "other"),
        ("colour", "red"),
        ("late_fee", {"rule": "sometimes"}),
        ("stamp", {"threshold_taka": 400, "count": 1}),
        ("family_settings", {"bank_code": 7}),
        ("operations", {"pay": {"path": "payment", "role": "pay", "replies": {}}}),
    ],
)
def test_the_published_schema_refuses_what_the_models_refuse(name: str, value: object) -> None:
    assert found({**tables(CONFIG / "billers" / "desco_postpaid.toml"), name: value})


@pytest.mark.parametrize("name", sorted(SCHEMA["required"]))
def test_the_published_schema_misses_what_is_required(name: str) -> None:
    whole = tables(CONFIG / "billers" / "desco_postpaid.toml")
    assert found({key: value for key, value in whole.items() if key != name})
