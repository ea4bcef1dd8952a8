"""Mirrors of frozen lines in files, so that a check need not ask the database for them."""
