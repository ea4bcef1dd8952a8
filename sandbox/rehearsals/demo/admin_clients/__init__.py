"""Clients of each simulated institution's admin API: what can be paid, which faults, what its book says."""
