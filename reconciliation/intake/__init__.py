"""Intake: which files came, which of them count, and whether they are whole."""
