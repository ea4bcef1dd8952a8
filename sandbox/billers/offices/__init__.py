"""Public offices that demand a fee for one reference: applications, holdings, admission rolls.

Parameters follow billers.md 1.1; paths, envelope, members and codes are the sandbox's own.
"""
