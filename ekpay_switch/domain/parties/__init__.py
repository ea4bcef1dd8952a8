"""Partners and staff: keys and access, limits, addresses and mobile numbers."""
