"""A kit for simulated billers: accounts with bills, a book, odd accounts, faults, a desk, an end-of-day file.

Nothing here knows a wire. A family of billers ("houses") that speak one protocol brings its list of
houses and its codec; paths, field names and codes are its own.
"""
