"""Which connector is asked for a payer's money, and why."""
