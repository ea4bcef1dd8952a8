"""Settlement: from agreed amounts to instructions that a bank takes, and back from what the bank did.

Everything here is a pure function of lines, configuration and bytes: no clock, no database, no network. What
goes out is handed to people; nothing in this package sends it.
"""
