"""Operators of agents, their cash drawers and their orders, in PostgreSQL."""
