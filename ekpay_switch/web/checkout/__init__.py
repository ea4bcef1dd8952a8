"""The hosted checkout: the pages on which a merchant's payer pays."""
