"""The payouts of a demo: two persons instruct the bank, and all books are compared."""
