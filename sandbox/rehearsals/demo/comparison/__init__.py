"""Comparing the books of a demo: the switch, each institution, and what the callers were answered."""
