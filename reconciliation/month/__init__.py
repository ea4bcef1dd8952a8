"""A month of nights in order, its state between them, and the comparison with a sealed key."""
