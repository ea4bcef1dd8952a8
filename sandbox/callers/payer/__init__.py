"""Automated payers: they open a provider's page like a browser and approve, refuse or leave.

They know no provider: they fill in the fields of any HTML form that they have a value for.
"""
