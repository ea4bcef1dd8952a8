"""`ekpay notifications`."""
