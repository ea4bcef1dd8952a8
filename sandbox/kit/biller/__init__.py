"""A kit for simulated billers: accounts, bills, a book, faults, an admin API and an end-of-day file.

Nothing here knows a wire protocol. A family of billers that speak one protocol brings its list of
institutions and its codec; paths, field names and codes are its own.
"""
