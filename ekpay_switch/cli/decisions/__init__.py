"""`ekpay decide`."""
