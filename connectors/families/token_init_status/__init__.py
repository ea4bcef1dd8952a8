"""Providers that give a token, open a page and are asked how it ended (connectors.md 4, 7 and 17.1).

What things are called stands in the manifest (`dialect`), so that one more such provider, or the real
specification of one that we only know by our own generic dialect, is data. What may surprise: there is no
execute. The payer's agreement on the provider's page moves the money, and asking is how we learn of it.
"""
