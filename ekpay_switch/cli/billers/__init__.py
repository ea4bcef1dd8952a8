"""`ekpay billers`."""
