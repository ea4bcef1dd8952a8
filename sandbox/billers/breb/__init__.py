"""A BREB (Palli Bidyut) postpaid simulator: a token pair, locks of two hours, save and acknowledge.

Field names and most codes follow billers.md 2.4; paths, envelope and further codes are the sandbox's own.
"""
