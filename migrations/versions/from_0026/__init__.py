"""The migrations from 0026 to 0056."""
