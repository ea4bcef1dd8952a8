"""A generated month: its nights in order, and the comparison with its sealed key."""
