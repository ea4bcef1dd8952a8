"""Filling a cart of bills, ordering it, and paying its bills."""
