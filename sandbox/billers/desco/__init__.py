"""A DESCO postpaid simulator that keeps its own book and can be told to misbehave.

Field names follow billers.md 2.3; paths, envelope and refusal codes are the sandbox's own.
"""
