"""`ekpay complaints`."""
