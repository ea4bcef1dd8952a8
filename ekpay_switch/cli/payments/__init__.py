"""`ekpay payments`, `bills` and `receipts`."""
