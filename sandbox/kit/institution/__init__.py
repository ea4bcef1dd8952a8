"""What every simulated institution stands on: a journal, a clock, faults, and a server with a back door.

Nothing here knows a biller. Field names, codes, amounts and envelopes stay with each institution,
because each real one has its own.
"""
