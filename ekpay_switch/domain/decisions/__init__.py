"""Decisions of two persons about money that waits for a person: the cases, and what may be done with each."""
