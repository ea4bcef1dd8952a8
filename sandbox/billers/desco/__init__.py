"""A DESCO postpaid simulator that keeps its own book and takes orders for faults.

Field names follow billers.md 2.3; paths, envelope and refusal codes are the sandbox's own.
"""
