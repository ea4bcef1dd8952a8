"""Merchants' payments: orders, the hosted checkout, and what their servers are told."""
