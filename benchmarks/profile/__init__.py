"""The profile of a payment: where the processor time of each step goes."""
