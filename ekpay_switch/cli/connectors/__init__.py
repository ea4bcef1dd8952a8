"""`ekpay connectors`."""
