"""Intake: which files arrived, which of them count, and whether they are whole."""
