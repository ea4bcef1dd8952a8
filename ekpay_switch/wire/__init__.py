"""Calls to far sides: connection pools, deadlines, breakers and the four outcomes."""
