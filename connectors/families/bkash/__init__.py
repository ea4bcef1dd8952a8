"""bKash Tokenized Checkout v1.2.0-beta, without agreements (connectors.md 1).

The payer's agreement moves no money: it moves when we execute, once a payment. The browser's return says only
that the payer has finished.
"""
