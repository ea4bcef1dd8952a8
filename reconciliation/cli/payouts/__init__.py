"""Payouts on the screen: limits, what rules hold back, and the cover of an order."""
