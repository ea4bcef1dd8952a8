"""Resolutions of breaks: decided by two persons, posted with the decision, reversed and never edited."""
