"""bKash Tokenized Checkout v1.2.0-beta, without agreements (connectors.md 1).

What may surprise: the payer's agreement moves no money. It moves when we execute, once a payment; what the
browser brings back says only that the payer has finished.
"""
