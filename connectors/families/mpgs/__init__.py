"""Mastercard Payment Gateway Services, hosted checkout over REST (connectors.md 11.1).

What may surprise: the payer's agreement itself moves the money, and it is asked about under our own
reference. What the browser brings back is compared with nothing: only the order says what happened.
"""
