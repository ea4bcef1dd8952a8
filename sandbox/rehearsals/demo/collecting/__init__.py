"""Shops of a demo that collect from payers: scenarios, script, load, and what is compared afterwards."""
