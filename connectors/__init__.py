"""Ways for money to come in as data: one manifest each, over a few protocol families.

This wing stands on the ports of the core; the core does not know it and finds it by the entry point group
`ekpay.connectors`.
"""
