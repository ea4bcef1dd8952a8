"""The migrations 0001 to 0025."""
