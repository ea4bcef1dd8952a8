"""Decisions of two persons: cases read under lock, proposals, and what an approval carries out."""
