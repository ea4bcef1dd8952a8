"""Aggregators with a payment page of their own: SSLCommerz v4 and aamarPay (connectors.md 3 and 5)."""
