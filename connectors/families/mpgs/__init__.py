"""Mastercard Payment Gateway Services, hosted checkout over REST (connectors.md 11.1).

The payer's agreement moves the money, and an inquiry uses our own reference. The browser's return is not
evidence: only the order at the gateway is.
"""
