"""`/docs`: the API reference as pages without a script, made from the OpenAPI documents (docs/adr/0111)."""
