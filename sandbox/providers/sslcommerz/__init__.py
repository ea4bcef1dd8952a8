"""Simulated aggregators with a page of their own: SSLCommerz v4 signs its messages, aamarPay does not."""
