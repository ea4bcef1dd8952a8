"""The treasury's automated challan system and the offices whose fees are paid through it.

Calls and fields follow billers.md 2.9; codes, paths, the offices' demands and the spending of a challan are
the sandbox's own.
"""
