"""The syndicate API v1.3.0: how banks, wallets and agent networks call us (ekpay-syndicate-api.md)."""
