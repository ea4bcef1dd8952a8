"""Whole runs against the sandbox: a demo, a day of files, a month to reconcile, a day of the shop."""
