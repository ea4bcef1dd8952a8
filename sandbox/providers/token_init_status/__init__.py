"""Gateways of the family token-init-status: Upay, shurjoPay, and five wallets of our own generic dialect."""
