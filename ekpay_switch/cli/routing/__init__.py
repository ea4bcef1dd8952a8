"""`ekpay routing`."""
