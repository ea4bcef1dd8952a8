"""REST v1: collecting payments from payers (docs/rest-v1.md is its contract)."""
