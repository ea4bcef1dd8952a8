"""Payers without hands: they open a provider's page as a browser does and approve, refuse or leave.

They know no provider: a page is whatever HTML it sends, and they fill in the fields they have a value for.
"""
