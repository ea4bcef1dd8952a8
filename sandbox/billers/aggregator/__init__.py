"""Utilities behind an aggregator: one collector's keys for all, a pair of keys for each utility.

Calls, keys, parameters, the states 111, 777 and 700 and `lid` follow billers.md 2.7; paths, the other members
and codes are the sandbox's own.
"""
