"""Matching: an engine groups rows of both sides once by reference; the rest goes through the passes."""
