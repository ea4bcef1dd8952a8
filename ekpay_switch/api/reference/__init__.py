"""The reference: OpenAPI 3.1 documents of our APIs, made from what serves them (docs/adr/0111)."""
