"""The treasury's challans: calls, demands of offices, heads."""
