"""The treasury e-challan API: a merchant pays on what it collected for the state (docs/echallan-api.md)."""
