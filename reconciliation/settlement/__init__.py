"""Settlement: from agreed lines to instructions for banks, and from answers and statements to outcomes.

`positions` and `instructions` are pure functions of lines, configuration and bytes: no clock, no database, no
network. Files for banks are handed to people; nothing in this package sends them.
"""
