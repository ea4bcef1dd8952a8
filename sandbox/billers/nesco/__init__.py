"""A NESCO prepaid simulator: a quote, a vend that happens once, and a history that tells it again.

Field names and most codes follow billers.md 2.5; paths, envelope and further codes are the sandbox's own.
"""
