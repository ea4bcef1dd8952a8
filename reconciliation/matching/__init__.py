"""Matching: rows of both sides grouped once by reference on an engine; the rest goes through the passes."""
