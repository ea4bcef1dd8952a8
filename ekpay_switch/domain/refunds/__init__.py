"""Money on its way back to a payer."""
