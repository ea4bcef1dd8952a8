"""Merchants as payees: what they agreed to, and the shares of their payments."""
