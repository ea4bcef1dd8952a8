"""Prepaid electricity over the third-party XML interface: verify, vend, acknowledge, look up.

Calls, fields and the states 0, 12 and 88 follow billers.md 2.6; paths, the names of elements, the form field
and further states are the sandbox's own.
"""
