"""`ekpay billers scroll` and `load`."""
