"""The shop of a demo that collects from payers: scenarios, script, load, and reading of the books."""
