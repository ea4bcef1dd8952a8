"""A kit for simulated providers that collect: orders, a payer's page, pushes, refunds, odd payers, a desk.

Nothing here knows a wire. A family of providers ("houses") that speak one protocol brings its list of
houses and its codec; paths, field names, signatures and codes are its own.
"""
