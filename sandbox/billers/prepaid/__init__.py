"""Prepaid electricity in the JSON protocol of one head-end: a quote, a vend that happens once, a history.

Calls and fields follow billers.md 2.5, lines of tokens 2.14; paths, envelope and further codes are the
sandbox's own.
"""
