"""Comparing the books of a demo: the switch, each institution, and the callers' own records."""
