"""A kit for simulated providers that collect: orders, the payer's page, pushes, refunds, an admin API.

Nothing here knows a wire protocol. A family of providers that speak one protocol brings its list of
institutions and its codec; paths, field names, signatures and codes are its own.
"""
