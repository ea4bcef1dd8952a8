"""Routing: which connector collects a payment, and why."""
