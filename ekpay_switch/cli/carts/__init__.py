"""`ekpay carts`."""
