"""JSON Schemas of the reference, made from the models that read and the documents that answer."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

Schema = dict[str, Any]
_REF = "#/components/schemas/{model}"


class Components:
    """The schemas of a document by name; `meanings` describes members that say nothing of themselves."""

    def __init__(self, meanings: Mapping[str, str]) -> None:
        self.schemas: dict[str, Schema] = {}
        self._meanings = meanings

    def model(self, kind: type) -> Schema:
        """A reference to the schema of a model or a typed dictionary."""
        schema = TypeAdapter(kind).json_schema(ref_template=_REF)
        for name, inner in schema.pop("$defs", {}).items():
            self.schemas[name] = self._tidy(inner)
        return self.schema(kind.__name__, self._tidy(schema))

    def sample(self, name: str, sample: Mapping[str, object], **further: Schema) -> Schema:
        """A reference to a schema that has every member of a sample, and maybe further ones."""
        schema = self._tidy(_of_sample(sample))
        schema["properties"] |= {member: self._tidy(part) for member, part in further.items()}
        self._describe(schema["properties"])
        return self.schema(name, schema)

    def schema(self, name: str, schema: Schema) -> Schema:
        """A reference to this schema, stored under its name."""
        self.schemas[name] = schema
        return {"$ref": _REF.format(model=name)}

    def _tidy(self, schema: Schema) -> Schema:
        """Without titles that repeat names, closed where only some names may stand, and described."""
        tidied = {key: self._tidy_part(key, part) for key, part in schema.items() if not _is_title(key, part)}
        if "description" in tidied and isinstance(tidied["description"], str):
            tidied["description"] = _first_paragraph(tidied["description"])
        if "patternProperties" in tidied and "properties" not in tidied:
            tidied["additionalProperties"] = False
        properties = tidied.get("properties")
        if isinstance(properties, dict):
            self._describe(properties)
        return tidied

    def _tidy_part(self, key: str, part: object) -> object:
        if key in {"properties", "patternProperties"} and isinstance(part, dict):
            return {name: self._tidy(inner) for name, inner in part.items()}
        if isinstance(part, dict) and key not in {"default", "const"}:
            return self._tidy(part)
        if isinstance(part, list):
            return [self._tidy(inner) if isinstance(inner, dict) else inner for inner in part]
        return part

    def _describe(self, properties: dict[str, Schema]) -> None:
        for name, schema in properties.items():
            if name in self._meanings:
                schema.setdefault("description", self._meanings[name])


def _of_sample(sample: object) -> Schema:
    """An object with exactly the members of the sample; a text for a text, a text or null for null."""
    match sample:
        case Mapping():
            members = {str(name): _of_sample(part) for name, part in sample.items()}
            return {
                "type": "object",
                "properties": members,
                "required": list(members),
                "additionalProperties": False,
            }
        case None:
            return {"type": ["string", "null"]}
        case _:
            return {"type": "string"}


def _is_title(key: str, part: object) -> bool:
    return key == "title" and isinstance(part, str)


def _first_paragraph(text: str) -> str:
    return " ".join(text.partition("\n\n")[0].split())
