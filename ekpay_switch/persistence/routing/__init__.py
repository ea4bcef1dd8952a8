"""Routing in PostgreSQL: breakers, outcomes, and the decisions that were made."""
