"""Reconciliation: every night our books are matched with what each institution says happened.

The wing reads files and ledger days, groups them once by reference, explains what does not agree and never
pays. Everything heavy (Ibis, DuckDB, Polars, lxml) comes with the optional extra `reconciliation`; only
`reconciliation.cli` may be imported without it.
"""
