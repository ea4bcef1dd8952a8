"""A bKash simulator, Tokenized Checkout and the Checkout in a frame: tokens, page, execute, refunds, notices.

Field names, envelopes and codes follow connectors.md 1; what no public document settles is said where it is
decided. The money moves at execute, or at the capture of an authorisation, whatever the browser reports.
"""
