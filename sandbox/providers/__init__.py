"""Simulated providers that collect from payers: wallets, cards, banks and their gateways."""
