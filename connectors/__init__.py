"""Connectors will stand here: how money comes in, one manifest per bank, wallet or card acquirer.

The wing gets its manifest schema, its registry, the protocol families and, as the exception, quirks. It
stands on the ports of the core alone and is found by the entry point group `ekpay.connectors`.
"""
