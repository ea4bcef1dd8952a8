"""Reconciliation will stand here: every night our books are matched with what each institution says.

The wing gets the statement layouts, intake, matching, breaks, settlement and reports. It reads the books,
posts through the port that the core gives it and never pays.
"""
