"""Everything that uses PostgreSQL: tables, queries, group commit and the embedded server.

Implements ports; never calls a flow.
"""
