"""Payments from a prefund and their delivery: paid, resolved when in doubt, undone, given back."""
