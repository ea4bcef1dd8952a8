"""Asking far sides: connection pools, deadlines, breakers and the four outcomes."""
