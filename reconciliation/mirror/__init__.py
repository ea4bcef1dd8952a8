"""Mirrors of frozen lines in files, so that a check need not read them from the database."""
