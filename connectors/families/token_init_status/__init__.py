"""Providers with a login token, a page and an inquiry (connectors.md 4, 7 and 17.1).

The manifest has the names (`dialect`), so one more such provider, or the real specification of one that we
only know by our own generic dialect, is data. Nothing is executed: the payer's agreement on the provider's
page moves the money, and an inquiry tells us of it.
"""
