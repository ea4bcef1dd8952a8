"""Breaks: what does not agree, under its code, with an explanation that a person can act on."""
