"""The same flows, started by the clock instead of a caller."""
