"""`ekpay partners`, `partner-crypto` and `staff`."""
