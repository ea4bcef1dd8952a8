"""Banks' host links over ISO 8583:1987, and their consent pages (docs/protocols/iso8583-host-link.md).

A host has no inquiry. A request whose outcome is unknown is reversed, and the reversal is repeated until the
host confirms it; only then may the payer pay again.
"""
