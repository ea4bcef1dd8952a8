"""`ekpay refunds`."""
