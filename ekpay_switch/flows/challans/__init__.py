"""Treasury challans that a merchant raises."""
