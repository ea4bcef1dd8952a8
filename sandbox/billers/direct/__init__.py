"""Billers spoken to directly in plain JSON, one login an institution.

Parameters and reports follow billers.md 1.1 and 2.12; paths, envelope and codes are the sandbox's own.
"""
