"""A whole installation on this machine: its processes, its parties, and the `ekpay` command."""
