"""Routing in PostgreSQL: breakers, outcomes and decisions."""
