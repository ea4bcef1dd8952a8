"""The JSON Schema of a biller's manifest as it is published: docs/schemas/biller-manifest.json.

`python -m biller_adapters.published_schema > docs/schemas/biller-manifest.json` writes it again (`make
schemas`); a test compares file and models. It says what each key may hold; rules between keys, such as an
example that must fit its pattern, are checked where a manifest is read.
"""

import json
import sys

from biller_adapters.manifest import manifest_schema

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_text() -> str:
    """The whole file: JSON with one key a line, so that a diff shows single keys."""
    schema = {
        "$schema": DIALECT,
        "$comment": "Written by make schemas; change the models.",
        **manifest_schema(),
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
