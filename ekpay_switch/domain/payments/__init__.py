"""Payments from a prefund and their delivery: what each claim, answer, inquiry and lost send leads to."""
